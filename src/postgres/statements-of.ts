import { lengthAt } from "./frame-cursor.ts";
import { FrontendTag, HEADER_BYTES } from "./message-types.ts";

/**
 * Cuts a batch of extended messages in front of each Parse: what comes before the first one is a part by
 * itself, and the Sync belongs to the last part. Bytes that are no whole messages stay together.
 */
export function statementsOf(batch: Uint8Array): readonly Uint8Array[] {
  const statements: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at + HEADER_BYTES <= batch.length;) {
    if (batch[at] === FrontendTag.Parse && at > from) {
      statements.push(batch.subarray(from, at));
      from = at;
    }
    const length = lengthAt(batch, at + 1);
    if (length < HEADER_BYTES - 1) break;
    at += 1 + length;
  }
  statements.push(batch.subarray(from));
  return statements;
}
