/**
 * The same bytes, with what a Buffer can do. What comes from a socket is one already: the first view of a small piece
 * makes the engine move its bytes out of its heap, which takes longer than most of what is done with them.
 */
export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
