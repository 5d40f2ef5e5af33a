/** Splits what a process writes into lines, of which it keeps no more than a log can hold. */

/** A longer line is cut: 64 KiB, as go-plugin's hosts read them. */
export const MAX_LINE_BYTES = 64 * 1024;

const NEWLINE = 0x0a;

/** A line without its end; `byteLength` is that of the whole line, also where the text is cut. */
export type OnLine = (text: string, byteLength: number) => void;

export class LineReader {
  readonly #onLine: OnLine;
  /** The beginning of the line that has not ended yet: at most MAX_LINE_BYTES of it. */
  readonly #line = Buffer.allocUnsafe(MAX_LINE_BYTES);
  #kept = 0;
  /** Bytes of that line so far, kept or not. */
  #byteLength = 0;

  constructor(onLine: OnLine) {
    this.#onLine = onLine;
  }

  read(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, at);
      const end = newline < 0 ? chunk.length : newline;
      this.#append(chunk.subarray(at, end));
      if (newline < 0) return;
      this.#finish();
      at = newline + 1;
    }
  }

  /** Nothing more comes: a line without an end counts too. */
  end(): void {
    if (this.#byteLength > 0) this.#finish();
  }

  #append(bytes: Uint8Array): void {
    const room = MAX_LINE_BYTES - this.#kept;
    const kept = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.#line.set(kept, this.#kept);
    this.#kept += kept.length;
    this.#byteLength += bytes.length;
  }

  #finish(): void {
    const text = this.#line.toString("utf8", 0, this.#kept);
    const { length } = text;
    const byteLength = this.#byteLength;
    this.#kept = 0;
    this.#byteLength = 0;
    this.#onLine(text.endsWith("\r") ? text.slice(0, length - 1) : text, byteLength);
  }
}
