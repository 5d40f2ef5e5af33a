import { asBuffer } from "../postgres/index.ts";

/** Bytes as a text of one character each, to be told apart by. */
export function latin1Of(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("latin1");
}
