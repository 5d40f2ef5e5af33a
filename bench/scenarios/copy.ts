import { copyDataChunk, PgStream } from "../measure/index.ts";
import type { BenchOptions } from "../options.ts";
import type { CopyResult, CopySample } from "../result.ts";
import { type Entry, type Field, settleField, withCpu } from "./entry.ts";
import { turnOrder } from "./rounds.ts";

const LINE_BYTES = 1024;

/** Four messages of 64 KiB: what drivers that buffer send. */
const LINES_PER_MESSAGE = 64;
const CHUNK = copyDataChunk(LINE_BYTES, LINES_PER_MESSAGE, 4);
const CHUNK_LINES = 4 * LINES_PER_MESSAGE;

/** The rows are read and converted, then dropped: the disk of the machine is not what is measured. */
const COPY_IN = "COPY bench_copy FROM STDIN WHERE false";

/** Copies the same amount out and in through every entry, in rounds. */
export async function measureCopies(
  field: Field,
  options: BenchOptions,
): Promise<readonly CopyResult[]> {
  const { context, entries } = field;
  const results = (["out", "in"] as const).map((direction) => ({
    direction,
    bytes: options.copyBytes,
    samples: Object.fromEntries(entries.map(({ name }) => [name, [] as CopySample[]])),
  }));
  for (let round = 0; round < options.copyRounds; round++) {
    for (const { direction, bytes, samples } of results) {
      context.progress(`round ${round + 1} of ${options.copyRounds}: COPY ${direction}`);
      for (const entry of turnOrder(entries, round)) {
        await settleField(field);
        samples[entry.name]?.push(await sampleOf(entry, direction, bytes, context.signal));
      }
    }
  }
  return results;
}

async function sampleOf(
  { endpoint }: Entry,
  direction: CopyResult["direction"],
  bytes: number,
  signal: AbortSignal,
): Promise<CopySample> {
  const lines = Math.floor(bytes / LINE_BYTES);
  const { value: seconds, cpuMs } = await withCpu(endpoint, async () => {
    using stream = await PgStream.open(endpoint, signal);
    const start = performance.now();
    if (direction === "out") await stream.query(copyOut(lines));
    else await stream.copyIn(COPY_IN, CHUNK, Math.floor(lines / CHUNK_LINES));
    return (performance.now() - start) / 1000;
  });
  const megabytesPerSecond = bytes / 1e6 / seconds;
  return cpuMs === undefined
    ? { megabytesPerSecond }
    : { megabytesPerSecond, cpuMsPerGigabyte: cpuMs / (bytes / 1e9) };
}

function copyOut(lines: number): string {
  const line = `repeat('x', ${LINE_BYTES - 1})`;
  return `COPY (SELECT ${line} FROM generate_series(1, ${lines})) TO STDOUT`;
}
