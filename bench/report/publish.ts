import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BenchResult } from "../result.ts";
import { renderChart } from "./chart.ts";
import { renderReport } from "./tables.ts";

const BENCH = dirname(import.meta.dir);
const RESULTS = join(BENCH, "results");
/** Not kept in the repository: runs that only tried something out. */
const LOCAL_RESULTS = join(RESULTS, "local");

const BEGIN = "<!-- results: begin, written by a full run -->";
const END = "<!-- results: end -->";

/**
 * Writes a result with its picture, dated and as the latest. A full run's is published: in bench/results, and as
 * the tables of bench/README.md. Others land in bench/results/local. Returns the paths of what was written.
 */
export async function publish(result: BenchResult, isFull: boolean): Promise<readonly string[]> {
  const directory = isFull ? RESULTS : LOCAL_RESULTS;
  await mkdir(directory, { recursive: true });
  const name = result.startedAt.slice(0, 16).replace(":", "");
  const dated = join(directory, `${name}.json`);
  const json = `${JSON.stringify(result, undefined, 2)}\n`;
  await writeFile(dated, json);
  await writeFile(join(directory, "latest.json"), json);
  return [dated, join(directory, "latest.json"), ...(await present(result, directory, isFull))];
}

/** Draws the picture of an earlier result again, and writes its tables into bench/README.md. */
export async function republish(file: string): Promise<readonly string[]> {
  // A file this program wrote; one of another shape fails at the first thing it lacks.
  const result = JSON.parse(await readFile(file, "utf8")) as BenchResult;
  const isPublished = dirname(file) !== LOCAL_RESULTS;
  return await present(result, dirname(file), isPublished);
}

async function present(
  result: BenchResult,
  directory: string,
  isFull: boolean,
): Promise<readonly string[]> {
  const picture = join(directory, "latest.svg");
  await writeFile(picture, renderChart(result));
  if (!isFull) return [picture];
  const readme = join(BENCH, "README.md");
  const report = `![Throughput and CPU per transaction](results/latest.svg)\n\n${renderReport(result)}`;
  await writeFile(readme, withResults(await readFile(readme, "utf8"), report));
  return [picture, readme];
}

/** Puts a report between the markers of a text. @throws when they are not there. */
export function withResults(text: string, report: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the markers "${BEGIN}" and "${END}" are missing`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${report}\n\n${text.slice(end)}`;
}
