/**
 * A page in OpenMetrics 1.0, which differs from Prometheus' text format in what its rules ask for: counters are
 * called by their name without `_total`, bounds are written as fractions, times are in seconds, exemplars stand
 * behind their bucket, and there is an end.
 */
import type { Exemplar, MetricFamily, MetricSample } from "./metric-family.ts";
import { labelsOf } from "./write-text.ts";

export const OPEN_METRICS_CONTENT_TYPE =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";

const TOTAL = "_total";

export function writeOpenMetrics(families: readonly MetricFamily[]): string {
  const names = new Set(families.map(({ name }) => name));
  return `${families.map((family) => textOf(family, names)).join("")}# EOF\n`;
}

function textOf(family: MetricFamily, names: ReadonlySet<string>): string {
  const { help, samples } = family;
  const { name, type } = titleOf(family, names);
  const lines = [`# TYPE ${name} ${type}`];
  if (help !== undefined) lines.push(`# HELP ${name} ${help.replaceAll('"', '\\"')}`);
  for (const sample of samples) lines.push(lineOf(sample));
  return `${lines.join("\n")}\n`;
}

/** A counter that is not called so is none here; neither is one whose short name is another family's. */
function titleOf(
  { name, type }: MetricFamily,
  names: ReadonlySet<string>,
): { readonly name: string; readonly type: string } {
  if (type === "untyped") return { name, type: "unknown" };
  if (type !== "counter") return { name, type };
  const short = name.slice(0, -TOTAL.length);
  const isCounter = name.endsWith(TOTAL) && short !== "" && !names.has(short);
  return isCounter ? { name: short, type } : { name, type: "unknown" };
}

function lineOf({ name, labels, value, exemplar }: MetricSample): string {
  const exact = labels.map(([label, text]) =>
    label === "le" || label === "quantile" ? ([label, fraction(text)] as const) : [label, text],
  ) as MetricSample["labels"];
  const [number = "", timeMs] = value.split(/[ \t]+/);
  const time = timeMs === undefined ? "" : ` ${Number(timeMs) / 1_000}`;
  const line = `${name}${labelsOf(exact)} ${number}${time}`;
  return exemplar === undefined ? line : `${line} ${exemplarOf(exemplar)}`;
}

function exemplarOf({ traceId, value, at }: Exemplar): string {
  return `# {trace_id="${traceId}"} ${value} ${at.toFixed(3)}`;
}

function fraction(bound: string): string {
  return /^-?\d+$/.test(bound) ? `${bound}.0` : bound;
}
