/** What gateways write while tests run, kept for the search for secrets at the end of `npm test`. */
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** Names the folder; without it nothing is kept. */
export const TRANSCRIPTS_VARIABLE = "GATEWAYD_TEST_TRANSCRIPTS";

let count = 0;

/** Takes what one gateway writes; undefined when nothing is kept. */
export function newTranscript(): ((text: string) => void) | undefined {
  const directory = process.env[TRANSCRIPTS_VARIABLE];
  if (directory === undefined) return undefined;
  count += 1;
  const file = join(directory, `${process.pid}-${count}.txt`);
  return (text) => appendFileSync(file, text);
}

/** Keeps what gateways have written into log files of a folder, those that were packed as well. */
export function keepLogFiles(directory: string): void {
  const write = newTranscript();
  if (write === undefined) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile() || !/\.log(?:\.gz)?$/.test(entry.name)) continue;
    const bytes = readFileSync(join(directory, entry.name));
    write((entry.name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString());
  }
}
