/** The metrics page of a gateway as tests look at it. */
import { expect } from "bun:test";
import { parseExposition } from "../../src/metrics/index.ts";
import type { MetricFamily } from "../../src/metrics/index.ts";
import { waitFor } from "../kit/index.ts";

type Labels = Readonly<Record<string, string>>;

/** The page, read strictly. */
export async function readMetrics(url: string): Promise<readonly MetricFamily[]> {
  const response = await fetch(url);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parseExposition(await response.text());
}

/** The values of all series with these labels, whatever others they have. */
function valuesOf(
  families: readonly MetricFamily[],
  sample: string,
  labels: Labels,
): readonly number[] {
  return families
    .flatMap(({ samples }) => samples)
    .filter(
      (one) =>
        one.name === sample &&
        Object.entries(labels).every(([label, value]) =>
          one.labels.some(([name, text]) => name === label && text === value),
        ),
    )
    .map(({ value }) => Number(value));
}

/** The value of the first series with these labels, 0 when there is none. */
export function metricValue(
  families: readonly MetricFamily[],
  sample: string,
  labels: Labels = {},
): number {
  return valuesOf(families, sample, labels)[0] ?? 0;
}

/** The sum of all series with these labels. */
export function metricSum(
  families: readonly MetricFamily[],
  sample: string,
  labels: Labels = {},
): number {
  return valuesOf(families, sample, labels).reduce((total, value) => total + value, 0);
}

/** Waits until these series have these values. @throws saying what they have instead. */
export async function expectMetrics(
  url: string,
  expected: Readonly<Record<string, number>>,
  labels: Labels = {},
): Promise<void> {
  const look = async (): Promise<Readonly<Record<string, number>>> => {
    const families = await readMetrics(url);
    const names = Object.keys(expected);
    return Object.fromEntries(names.map((name) => [name, metricValue(families, name, labels)]));
  };
  const until = (values: object): boolean => Bun.deepEquals(values, expected);
  await waitFor(`the figures ${JSON.stringify(expected)}`, look, { until });
}
