/** A view of the bytes from `from` to before `to`: the bytes themselves when these are all. */
export function partOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
}
