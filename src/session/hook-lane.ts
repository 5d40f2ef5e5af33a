/**
 * One direction of traffic on its way through hooks: one piece after the other, in order, even when
 * a handler answers later. Pieces that come meanwhile wait; above a limit the source is told to stop.
 */

/** More than this waiting, in bytes or in pieces, tells the source to stop; half of it lets it go on. */
const MAX_WAITING_BYTES = 1024 * 1024;
const MAX_WAITING = 1024;

interface Piece {
  readonly bytes: Uint8Array;
}

export interface HookLaneOptions<P extends Piece> {
  /** Runs the hooks and sends what comes out. A promise holds the lane; it must not reject. */
  readonly handle: (piece: P) => Promise<void> | undefined;
  readonly onFull: () => void;
  readonly onRoom: () => void;
  /** The last piece is through. */
  readonly onEmpty: () => void;
}

export class HookLane<P extends Piece> {
  readonly #options: HookLaneOptions<P>;
  /** From `#next` on. */
  #waiting: P[] = [];
  #next = 0;
  #waitingBytes = 0;
  #isBusy = false;
  #isFull = false;
  #isHeld = false;

  constructor(options: HookLaneOptions<P>) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return !this.#isBusy && this.#waiting.length === 0;
  }

  /** The source has been told to stop. */
  get isFull(): boolean {
    return this.#isFull;
  }

  push(piece: P): void {
    // Most often nothing is in the way.
    if (!this.#isBusy && !this.#isHeld && this.#waiting.length === 0) {
      this.#handle(piece);
      if (this.isEmpty) this.#options.onEmpty();
      return;
    }
    this.#waiting.push(piece);
    this.#waitingBytes += piece.bytes.length;
    this.#advance();
    if (this.#isFull || !this.#hasMoreThan(MAX_WAITING_BYTES, MAX_WAITING)) return;
    this.#isFull = true;
    this.#options.onFull();
  }

  /** What comes from now on waits for {@link release}. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    if (this.#waiting.length > 0) this.#advance();
  }

  /** Forgets what waits. @returns how many pieces that was */
  drop(): number {
    const dropped = this.#waiting.length - this.#next;
    this.#waiting = [];
    this.#next = 0;
    this.#waitingBytes = 0;
    return dropped;
  }

  #advance(): void {
    if (this.#isBusy || this.#isHeld) return;
    for (let piece = this.#shift(); piece !== undefined; piece = this.#shift()) {
      this.#waitingBytes -= piece.bytes.length;
      this.#handle(piece);
      if (this.#isBusy) break;
    }
    if (this.#isFull && !this.#hasMoreThan(MAX_WAITING_BYTES / 2, MAX_WAITING / 2)) {
      this.#isFull = false;
      this.#options.onRoom();
    }
    if (this.isEmpty) this.#options.onEmpty();
  }

  #hasMoreThan(bytes: number, pieces: number): boolean {
    return this.#waitingBytes > bytes || this.#waiting.length - this.#next > pieces;
  }

  #shift(): P | undefined {
    const piece = this.#waiting[this.#next];
    if (piece === undefined) return undefined;
    this.#next++;
    // Many small pieces may come at once: the list is not moved for each.
    if (this.#next === this.#waiting.length || this.#next === MAX_WAITING) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    return piece;
  }

  #handle(piece: P): void {
    const handled = this.#options.handle(piece);
    if (handled === undefined) return;
    this.#isBusy = true;
    void handled.then(() => {
      this.#isBusy = false;
      this.#advance();
    });
  }
}
