import type { BenchResult } from "../result.ts";
import { OURS } from "./goals.ts";
import { loadRows, medianOf, ratio, type Row } from "./summary.ts";

const WIDTH = 960;
const MARGIN = 48;
const PANEL_GAP = 36;
const PANEL_HEIGHT = 190;
const FIRST_PANEL_TOP = 104;
/** From one panel's top to the next one's: title above, labels below. */
const PANEL_STEP = PANEL_HEIGHT + 86;
const GROUP_PADDING = 0.22;
const MAX_BAR_WIDTH = 44;

/** One panel: a quantity of all loads, a group of bars for each load. */
interface Panel {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly entries: readonly string[];
  readonly valueOf: (row: Row, entry: string) => number | undefined;
  readonly format: (value: number) => string;
}

/**
 * Loads as a picture: throughput as a share of direct, or of gatewayd as it ships where nobody is direct, and CPU per transaction. Reconnecting is left to the tables,
 * because it costs so much more that all other bars would be flat beside it. Colours follow the reader's light or
 * dark scheme, and each bar carries its number, so that nothing depends on colour alone.
 */
export function renderChart(result: BenchResult): string {
  const loads = result.loads.filter(({ load }) => !load.isReconnecting);
  const throughput = loadRows({ ...result, loads }, "throughput");
  const cpu = loadRows({ ...result, loads }, "cpu");
  const between = result.entries.filter((entry) => entry !== "direct");
  const base = result.entries.includes("direct") ? "direct" : OURS;
  const baseName = base === "direct" ? "a direct connection" : base;
  const panels: readonly Panel[] = [
    {
      title: `Throughput, as a share of ${baseName} (more is better)`,
      rows: throughput,
      entries: between,
      valueOf: (row, entry) => ratio(row, entry, base),
      format: (value) => value.toFixed(2),
    },
    {
      title: "CPU of the process in between, µs per transaction (less is better)",
      rows: cpu,
      entries: between,
      valueOf: medianOf,
      format: (value) => value.toFixed(1),
    },
  ];
  const height = FIRST_PANEL_TOP + panels.length * PANEL_STEP - 20;
  const label = "Throughput and CPU per transaction of each endpoint under each load";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${label}">
${STYLE}
<rect class="paper" width="${WIDTH}" height="${height}"/>
<text class="title" x="${MARGIN}" y="32">pgbench through each endpoint</text>
<text class="dim" x="${MARGIN}" y="50">${escape(subtitle(result))}</text>
${legend(between)}
${panels.map((panel, index) => renderPanel(panel, FIRST_PANEL_TOP + 24 + index * PANEL_STEP)).join("\n")}
</svg>
`;
}

const STYLE = `<style>
  .paper { fill: #ffffff } text { fill: #1f2937 } .title { font-size: 16px; font-weight: 600 }
  .heading { font-weight: 600 } .dim { fill: #6b7280 } .value { font-size: 9.5px } .axis { stroke: #9ca3af }
  .s0 { fill: #94a3b8 } .s1 { fill: #2563eb } .s2 { fill: #d97706 } .s3 { fill: #059669 } .s4 { fill: #9333ea } .s5 { fill: #db2777 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } text { fill: #e5e7eb } .dim { fill: #9ca3af } .axis { stroke: #6b7280 }
    .s0 { fill: #64748b } .s1 { fill: #60a5fa } .s2 { fill: #fbbf24 } .s3 { fill: #34d399 } .s4 { fill: #c084fc } .s5 { fill: #f472b6 }
  }
</style>`;

/** An entry keeps its colour, whichever others are there. */
function colour(entries: readonly string[], entry: string): string {
  const fixed = ["pgbouncer", "gatewayd"];
  const others = entries.filter((each) => !fixed.includes(each));
  const index = fixed.includes(entry)
    ? fixed.indexOf(entry)
    : fixed.length + (others.indexOf(entry) % OTHER_COLOURS);
  return `s${index}`;
}

const OTHER_COLOURS = 4;

function subtitle({ startedAt, settings, machine }: BenchResult): string {
  return (
    `${startedAt.slice(0, 10)}, medians of ${settings.rounds} interleaved rounds of ${settings.seconds} s, ` +
    `${machine["cores"]} cores, ${machine["processor"]}`
  );
}

function legend(entries: readonly string[]): string {
  return entries
    .map((entry, index) => {
      const x = MARGIN + index * 140;
      return `<rect class="${colour(entries, entry)}" x="${x}" y="66" width="12" height="12" rx="2"/><text x="${x + 18}" y="76">${escape(entry)}</text>`;
    })
    .join("\n");
}

function renderPanel(panel: Panel, top: number): string {
  const { title, entries, valueOf, format } = panel;
  const rows = panel.rows.filter((row) =>
    entries.some((entry) => valueOf(row, entry) !== undefined),
  );
  const bottom = top + PANEL_HEIGHT;
  const most = Math.max(
    ...rows.flatMap((row) => entries.map((entry) => valueOf(row, entry) ?? 0)),
    Number.MIN_VALUE,
  );
  // Room for the number above the highest bar.
  const scale = (PANEL_HEIGHT - 16) / most;
  const groupWidth = (WIDTH - 2 * MARGIN + PANEL_GAP) / Math.max(1, rows.length);
  const parts = [
    `<text class="heading" x="${MARGIN}" y="${top - 10}">${escape(title)}</text>`,
    `<line class="axis" x1="${MARGIN}" x2="${WIDTH - MARGIN / 2}" y1="${bottom}" y2="${bottom}"/>`,
  ];
  for (const [group, row] of rows.entries()) {
    const left = MARGIN + group * groupWidth;
    const bars = entries.flatMap((entry) => {
      const value = valueOf(row, entry);
      return value === undefined ? [] : [{ entry, value }];
    });
    const barWidth = Math.min(
      MAX_BAR_WIDTH,
      (groupWidth * (1 - GROUP_PADDING)) / Math.max(1, bars.length),
    );
    for (const [index, { entry, value }] of bars.entries()) {
      const height = value * scale;
      const x = left + index * barWidth;
      parts.push(
        `<rect class="${colour(entries, entry)}" x="${fixed(x)}" y="${fixed(bottom - height)}" width="${fixed(barWidth - 2)}" height="${fixed(height)}" rx="1.5"><title>${escape(`${entry}, ${row.label}: ${format(value)}`)}</title></rect>`,
        `<text class="value" x="${fixed(x + (barWidth - 2) / 2)}" y="${fixed(bottom - height - 4)}" text-anchor="middle">${format(value)}</text>`,
      );
    }
    const centre = left + (barWidth * bars.length) / 2;
    const [first = "", second = ""] = row.label.split(", ");
    parts.push(
      `<text x="${fixed(centre)}" y="${bottom + 16}" text-anchor="middle">${escape(first)}</text>`,
      `<text class="dim" x="${fixed(centre)}" y="${bottom + 31}" text-anchor="middle">${escape(second)}</text>`,
    );
  }
  return parts.join("\n");
}

const fixed = (value: number): string => value.toFixed(1);

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
