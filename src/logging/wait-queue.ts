/** Lines that wait for their place, in order, up to a limit of bytes. */

export class WaitQueue {
  readonly #maxBytes: number;
  #items: Uint8Array[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false when there is no room: it is not taken. */
  push(item: Uint8Array): boolean {
    if (this.#bytes > 0 && this.#bytes + item.length > this.#maxBytes) return false;
    this.#items.push(item);
    this.#bytes += item.length;
    return true;
  }

  /** The item at a place from the front, 0 the next one. */
  at(index: number): Uint8Array | undefined {
    return this.#items[this.#head + index];
  }

  /** Takes the first ones off. */
  drop(count: number): void {
    for (const item of this.#items.slice(this.#head, this.#head + count))
      this.#bytes -= item.length;
    this.#head += count;
    // Moved together only now and then, so that taking one off a long queue costs nothing.
    if (this.#head < 1024 && this.#head < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
