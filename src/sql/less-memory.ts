/**
 * The grammar asks for 128 MiB of memory at once, of which it uses a few. What is not used costs no memory, but the
 * collector of JavaScript's garbage goes by it: beside 128 MiB, counted twice, it finds some hundred of garbage nothing
 * to hurry for. The grammar's memory grows by itself when it needs more.
 */

/** In pages of 64 KiB, as the module says it: what is for the stack and data, 33 MiB, and some. */
const ASKED_PAGES = [0x80, 0x10] as const; // 2048
const GIVEN_PAGES = [0x80, 0x05] as const; // 640

/** `\0asm` and the version. */
const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
/** Of the content of that section: there is one memory, and it has an upper limit. */
const ONE_BOUNDED_MEMORY = [1, 1] as const;

/** The module as it is, where it is not as expected. */
export function withLessMemory(code: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = memorySection(code);
  const expected = [...ONE_BOUNDED_MEMORY, ...ASKED_PAGES];
  if (at === undefined || expected.some((byte, index) => code[at + index] !== byte)) return code;
  const changed = code.slice();
  changed.set(GIVEN_PAGES, at + ONE_BOUNDED_MEMORY.length);
  return changed;
}

/** Where its content begins. */
function memorySection(code: Uint8Array): number | undefined {
  let at = HEADER_BYTES;
  while (at < code.length) {
    const id = code[at];
    let length = 0;
    let shift = 0;
    let byte: number;
    do {
      at += 1;
      byte = code[at] ?? 0;
      length |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    at += 1;
    if (id === MEMORY_SECTION) return at;
    at += length;
  }
  return undefined;
}
