import { BackendTag, HEADER_BYTES, lengthAt, readErrorResponse } from "../postgres/index.ts";
import { statusAtEnd } from "./status-at-end.ts";

/** Behind an error of these a server closes the connection, and no ReadyForQuery comes. */
const FATAL: ReadonlySet<string> = new Set(["FATAL", "PANIC"]);

/** Whether the last of these messages for a client is an error that ends its connection. */
export function endsFatally(bytes: Uint8Array): boolean {
  if (statusAtEnd(bytes) !== undefined) return false;
  let at = 0;
  for (let end = 0; at + HEADER_BYTES <= bytes.length; at = end) {
    end = at + 1 + lengthAt(bytes, at + 1);
    if (end === bytes.length) break;
    // They may be anything, and are none of our business.
    if (end <= at || end > bytes.length) return false;
  }
  if (bytes[at] !== BackendTag.ErrorResponse) return false;
  try {
    return FATAL.has(readErrorResponse(bytes.subarray(at)).severity);
  } catch {
    return false; // The same.
  }
}
