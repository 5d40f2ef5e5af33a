import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SuiteName } from "../options.ts";
import type { BenchResult } from "../result.ts";
import { renderChart } from "./chart.ts";
import { renderReport } from "./tables.ts";

const BENCH = dirname(import.meta.dir);
const RESULTS = join(BENCH, "results");
/** Not kept in the repository: runs that only tried something out. */
const LOCAL_RESULTS = join(RESULTS, "local");

/** What a comparison's files are called, and where its tables stand in bench/README.md. */
const PLACES = {
  passthrough: { prefix: "", latest: "latest", marker: "results" },
  modes: { prefix: "modes-", latest: "modes", marker: "modes" },
  hooks: { prefix: "hooks-", latest: "hooks", marker: "hooks" },
  tracing: { prefix: "tracing-", latest: "tracing", marker: "tracing" },
  counting: { prefix: "counting-", latest: "counting", marker: "counting" },
} as const satisfies Record<SuiteName, unknown>;

/**
 * Writes a result with its picture, dated and as the latest. A full run's is published: in bench/results, and as
 * the tables of bench/README.md. Others land in bench/results/local. Returns the paths of what was written.
 */
export async function publish(result: BenchResult, isFull: boolean): Promise<readonly string[]> {
  const directory = isFull ? RESULTS : LOCAL_RESULTS;
  await mkdir(directory, { recursive: true });
  const { prefix, latest } = PLACES[result.suite];
  const name = result.startedAt.slice(0, 16).replace(":", "");
  const files = [join(directory, `${prefix}${name}.json`), join(directory, `${latest}.json`)];
  const json = `${JSON.stringify(result, undefined, 2)}\n`;
  for (const file of files) await writeFile(file, json);
  return [...files, ...(await present(result, directory, isFull))];
}

/** Draws the picture of an earlier result again, and writes its tables into bench/README.md. */
export async function republish(file: string): Promise<readonly string[]> {
  // A file this program wrote; one of another shape fails at the first thing it lacks.
  const written = JSON.parse(await readFile(file, "utf8")) as BenchResult;
  // Results from before there were several comparisons do not say which they are.
  const result = { ...BEFORE_SUITES, ...written };
  const isPublished = dirname(file) !== LOCAL_RESULTS;
  return await present(result, dirname(file), isPublished);
}

const BEFORE_SUITES = { suite: "passthrough", missing: [] } as const;

async function present(
  result: BenchResult,
  directory: string,
  isFull: boolean,
): Promise<readonly string[]> {
  const { latest, marker } = PLACES[result.suite];
  const picture = join(directory, `${latest}.svg`);
  await writeFile(picture, renderChart(result));
  if (!isFull) return [picture];
  const readme = join(BENCH, "README.md");
  const report = `![Throughput and CPU per transaction](results/${latest}.svg)\n\n${renderReport(result)}`;
  await writeFile(readme, withResults(await readFile(readme, "utf8"), marker, report));
  return [picture, readme];
}

/** Puts a report between the markers of a name in a text. @throws when they are not there. */
export function withResults(text: string, marker: string, report: string): string {
  const first = `<!-- ${marker}: begin, written by a full run -->`;
  const last = `<!-- ${marker}: end -->`;
  const begin = text.indexOf(first);
  const end = text.indexOf(last);
  if (begin < 0 || end < begin) throw new Error(`the markers "${first}" and "${last}" are missing`);
  return `${text.slice(0, begin + first.length)}\n\n${report}\n\n${text.slice(end)}`;
}
