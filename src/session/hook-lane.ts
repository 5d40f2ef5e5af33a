/**
 * One direction of traffic on its way through hooks: one piece after the other, in order, even when
 * a handler answers later. Pieces that come meanwhile wait; above a limit the source is told to stop.
 */

/** More than this waiting tells the source to stop, half of it lets it go on. */
const MAX_WAITING_BYTES = 1024 * 1024;

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
  #waiting: P[] = [];
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
    if (this.#waitingBytes <= MAX_WAITING_BYTES || this.#isFull) return;
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

  #advance(): void {
    if (this.#isBusy || this.#isHeld) return;
    for (let piece = this.#waiting.shift(); piece !== undefined; piece = this.#waiting.shift()) {
      this.#waitingBytes -= piece.bytes.length;
      this.#handle(piece);
      if (this.#isBusy) break;
    }
    if (this.#isFull && this.#waitingBytes < MAX_WAITING_BYTES / 2) {
      this.#isFull = false;
      this.#options.onRoom();
    }
    if (this.isEmpty) this.#options.onEmpty();
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
