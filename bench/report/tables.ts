import { type BenchResult, isLost, type Missing } from "../result.ts";
import { isOurs, OURS } from "./goals.ts";
import { copyRows, failures, loadRows, medianOf, ratio, type Row, spread } from "./summary.ts";
import { renderTable } from "./table.ts";

/** The whole report as Markdown: verdicts first, then every table. */
export function renderReport(result: BenchResult): string {
  const sections = [
    describeRun(result),
    goalsSection(result),
    failuresSection(result),
    missingSection(result),
    section(
      "Throughput, transactions per second",
      "More is better.",
      rowsTable(result, loadRows(result, "throughput"), formatCount),
    ),
    section(
      "CPU of the process in between, µs per transaction",
      "User and system. Less is better.",
      rowsTable(result, loadRows(result, "cpu"), formatShort),
    ),
    section(
      "Average latency, ms",
      "Less is better.",
      rowsTable(result, loadRows(result, "latency"), (value) => value.toFixed(3)),
    ),
    section(
      "Latency, ms: percentiles 50 / 95 / 99",
      "Of a sample of the transactions; the ratios are those of the 99th. Less is better.",
      percentilesTable(result),
    ),
    section(
      `COPY of ${copySize(result)}, MB/s`,
      "More is better.",
      rowsTable(result, copyRows(result, "throughput"), formatCount),
    ),
    section(
      "CPU of the process in between, ms per GB copied",
      "Less is better.",
      rowsTable(result, copyRows(result, "cpu"), formatCount),
    ),
    section(
      "Calls of a plugin that says nothing",
      "The plugin by itself, without a gateway around it.",
      callsTable(result),
    ),
    section(
      "Memory with idle clients, MiB resident",
      "A fresh process with 4 server connections, before and after the clients have come.",
      idleTable(result),
    ),
    section(
      "Memory with a reader that stalls, MiB resident",
      "A fresh process; the reader asks for the result, stands still, then reads all of it.",
      stallTable(result),
    ),
  ];
  return sections.filter((text) => text !== "").join("\n\n");
}

function describeRun({
  startedAt,
  durationMinutes,
  settings,
  machine,
  versions,
}: BenchResult): string {
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const { rounds, seconds, generations = 1 } = settings;
  const anew = generations > 1 ? ` with ${generations} generations of processes` : "";
  return (
    `${startedAt.slice(0, 10)}, ${rounds} rounds of ${seconds} s${anew}, ` +
    `${durationMinutes} minutes in all, on ${machine["cores"]} cores of ${machine["processor"]}, ` +
    `${machine["memoryGiB"]} GiB, ${machine["kernel"]}, ${machine["system"]}. ${software.join(", ")}.`
  );
}

function goalsSection({ goals }: BenchResult): string {
  if (goals.length === 0) return "";
  const verdict = (isReached: boolean | undefined): string =>
    isReached === undefined ? "-" : isReached ? "yes" : "NO";
  const hasTargets = goals.some(({ target }) => target !== undefined);
  const rows = goals.map(({ text, target = "", measured, spread: scatter, isReached }) => [
    text,
    ...(hasTargets ? [target] : []),
    measured,
    ...(hasTargets ? [cell(scatter, formatSpread)] : []),
    verdict(isReached),
  ]);
  const head = hasTargets
    ? ["goal", "target", "measured", "A/A", "reached"]
    : ["goal", "measured", "reached"];
  return section("Goals", "", renderTable({ head, rows }));
}

function failuresSection(result: BenchResult): string {
  const list = failures(result);
  if (list.length === 0) return "";
  return section("Failures", "", list.map((text) => `- ${text}`).join("\n"));
}

function missingSection({ missing }: BenchResult): string {
  const reasons = new Map<string, Missing[]>();
  for (const each of missing) {
    const key = `${each.entry}: ${each.reason}`;
    reasons.set(key, [...(reasons.get(key) ?? []), each]);
  }
  const list = [...reasons].map(([reason, cases]) => {
    const loads = cases.flatMap(({ load }) => load ?? []);
    return `- ${reason}${loads.length > 0 ? ` (${loads.join("; ")})` : ""}`;
  });
  return section("Not measured", "", list.join("\n"));
}

function section(title: string, explanation: string, body: string): string {
  return body === "" ? "" : [`### ${title}`, explanation, body].filter(Boolean).join("\n\n");
}

/** Medians of all entries, ours as a share of each other's, and the spread of the control. */
function rowsTable(
  result: BenchResult,
  rows: readonly Row[],
  format: (value: number) => string,
): string {
  const columns = result.entries.filter((entry) => rows.some((row) => row.samples[entry]));
  if (columns.length === 0) return "";
  const others = columns.filter((entry) => !isOurs(entry));
  const body = rows.map((row) => [
    row.label,
    ...columns.map((entry) => cell(medianOf(row, entry), format, missed(result, row, entry))),
    ...others.map((entry) => cell(ratio(row, OURS, entry), formatRatio)),
    cell(spread(row, result), formatSpread),
  ]);
  const head = ["", ...columns, ...others.map((entry) => `vs ${entry}`), "A/A"];
  return renderTable({ head, rows: body });
}

/** What stands where a number would be that could not be measured. */
function missed({ loads, missing }: BenchResult, row: Row, entry: string): string {
  const samples = loads.find(({ label }) => label === row.label)?.samples[entry];
  if (samples?.some(isLost)) return "failed";
  return missing.some((each) => each.entry === entry && each.load === row.label) ? "n/a" : "";
}

/** Three medians in one cell; loads and entries without them are left out. */
function percentilesTable(result: BenchResult): string {
  const [p50 = [], p95 = [], p99 = []] = (["p50", "p95", "p99"] as const).map((quantity) =>
    loadRows(result, quantity),
  );
  const columns = result.entries.filter((entry) => p99.some((row) => row.samples[entry]));
  if (columns.length === 0) return "";
  const others = columns.filter((entry) => !isOurs(entry));
  const body = p99.flatMap((row, index) => {
    if (!columns.some((entry) => row.samples[entry])) return [];
    const percentiles = (entry: string): string =>
      [p50[index], p95[index], row]
        .map((each) => each && medianOf(each, entry))
        .flatMap((value) => (value === undefined ? [] : [value.toFixed(2)]))
        .join(" / ");
    return [
      [
        row.label,
        ...columns.map((entry) => percentiles(entry) || missed(result, row, entry)),
        ...others.map((entry) => cell(ratio(row, OURS, entry), formatRatio)),
        cell(spread(row, result), formatSpread),
      ],
    ];
  });
  const head = ["", ...columns, ...others.map((entry) => `vs ${entry}`), "A/A"];
  return renderTable({ head, rows: body });
}

function callsTable({ calls = [] }: BenchResult): string {
  if (calls.length === 0) return "";
  const rows = calls.map(({ kind, depth, callsPerSecond, p50Micros, p99Micros }) => [
    kind,
    String(depth),
    formatCount(callsPerSecond),
    p50Micros.toFixed(1),
    p99Micros.toFixed(1),
  ]);
  const head = ["kind", "at a time", "calls per second", "p50, µs", "p99, µs"];
  return renderTable({ head, rows });
}

function idleTable({ idle }: BenchResult): string {
  if (idle.length === 0) return "";
  const rows = idle.map(({ entry, manner, clients, baseMiB, waitingMiB, peakMiB }) => [
    `${entry}, ${manner}`,
    String(clients),
    ...[baseMiB, waitingMiB, waitingMiB - baseMiB, peakMiB].map((value) => value.toFixed(1)),
    (((waitingMiB - baseMiB) * 1024) / clients).toFixed(2),
  ]);
  const head = ["", "clients", "before", "waiting", "more", "peak", "KiB per client"];
  return renderTable({ head, rows });
}

function stallTable({ stalls }: BenchResult): string {
  if (stalls.length === 0) return "";
  const rows = stalls.map(({ entry, bytes, baseMiB, stalledMiB, peakMiB }) => [
    entry,
    `${Math.round(bytes / 1e6)} MB`,
    ...[baseMiB, stalledMiB, stalledMiB - baseMiB, peakMiB].map((value) => value.toFixed(1)),
  ]);
  return renderTable({ head: ["", "result", "before", "stalled", "more", "peak"], rows });
}

function copySize({ copies }: BenchResult): string {
  const mib = (copies[0]?.bytes ?? 0) / 1024 ** 2;
  return mib >= 1024 ? `${mib / 1024} GiB` : `${mib} MiB`;
}

function cell(
  value: number | undefined,
  format: (value: number) => string,
  otherwise = "",
): string {
  return value === undefined ? otherwise : format(value);
}

const formatCount = (value: number): string => Math.round(value).toLocaleString("en-US");
const formatShort = (value: number): string => value.toFixed(1);
const formatSpread = (share: number): string => `±${(share * 100).toFixed(1)} %`;
const formatRatio = (value: number): string => `${value.toFixed(2)}x`;
