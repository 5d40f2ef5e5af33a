import { BackendTag, HEADER_BYTES } from "../postgres/index.ts";

/** Header and transaction status. */
export const READY_BYTES = HEADER_BYTES + 1;

/** The transaction status of the ReadyForQuery that whole messages for a client end with; undefined without one. */
export function statusAtEnd(bytes: Uint8Array): number | undefined {
  const tagAt = bytes.length - READY_BYTES;
  const isReady = bytes[tagAt] === BackendTag.ReadyForQuery && bytes[tagAt + 4] === HEADER_BYTES;
  return isReady ? bytes[tagAt + HEADER_BYTES] : undefined;
}
