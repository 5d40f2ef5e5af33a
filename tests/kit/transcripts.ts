/** What gateways write while tests run, kept for the search for secrets at the end of `npm test`. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";

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
