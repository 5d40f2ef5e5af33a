/** Bytes as a text of one character each, to be told apart by. */
export function latin1Of(bytes: Uint8Array): string {
  // Most often it is one, and needs no view of its own.
  const isBuffer = bytes instanceof Buffer;
  const buffer = isBuffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString("latin1");
}
