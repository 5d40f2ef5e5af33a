import type { MetricFamily } from "./metric-family.ts";

export const TEXT_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** A page in Prometheus' text format 0.0.4. */
export function writeText(families: readonly MetricFamily[]): string {
  return families.map(textOf).join("");
}

function textOf({ name, help, type, samples }: MetricFamily): string {
  const lines = help === undefined ? [] : [`# HELP ${name} ${help}`];
  lines.push(`# TYPE ${name} ${type}`);
  for (const sample of samples) {
    lines.push(`${sample.name}${labelsOf(sample.labels)} ${sample.value}`);
  }
  return `${lines.join("\n")}\n`;
}

/** In braces; nothing for no labels. */
export function labelsOf(labels: readonly (readonly [name: string, value: string])[]): string {
  if (labels.length === 0) return "";
  return `{${labels.map(([label, value]) => `${label}="${value}"`).join(",")}}`;
}
