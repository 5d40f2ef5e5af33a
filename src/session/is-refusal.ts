import { BackendTag, HEADER_BYTES, lengthAt } from "../postgres/index.ts";

/** Whether messages for a client, which may be anything, tell it of an error. */
export function isRefusal(bytes: Uint8Array): boolean {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    if (bytes[at] === BackendTag.ErrorResponse) return true;
    const end = at + 1 + lengthAt(bytes, at + 1);
    if (end <= at) return false;
    at = end;
  }
  return false;
}
