/**
 * Asks again and again, one after the other, as long as somebody looks.
 *
 * States:
 * - `connecting`: nothing has been answered yet.
 * - `live`: the last answer is what is shown.
 * - `lost`: the gateway did not answer; it is asked on, and the answer before stays on the page.
 * - `locked`: it wants another token; nothing is asked until {@link Live.unlock}.
 * - `paused`: the operator wants to read in peace.
 * - `hidden`: nobody sees the page.
 *
 * `hidden` and `paused` end in what was before them, and in an answer at once.
 */
export type LiveState = "connecting" | "live" | "lost" | "locked" | "paused" | "hidden";

/** What became of an attempt. */
export type Outcome =
  { readonly kind: "answered" } | { readonly kind: "lost" | "locked"; readonly message: string };

export interface LiveOptions {
  readonly intervalMs: number;
  /** Never rejects. */
  readonly ask: () => Promise<Outcome>;
  /** @param message why it is lost or locked */
  readonly changed: (state: LiveState, message: string) => void;
  /** Calls back once; what it returns takes the call back. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

export class Live {
  readonly #options: LiveOptions;
  /** Of the last attempt. */
  #reached: "connecting" | "live" | "lost" | "locked" = "connecting";
  #message = "";
  #isPaused = false;
  #isHidden = false;
  #isAsking = false;
  /** How often there was a new token. */
  #unlocked = 0;
  /** Takes back the next attempt. */
  #cancelNext: (() => void) | undefined;
  #shown: LiveState | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  get state(): LiveState {
    if (this.#reached === "locked") return "locked";
    if (this.#isPaused) return "paused";
    return this.#isHidden ? "hidden" : this.#reached;
  }

  start(): void {
    this.#update();
  }

  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    this.#update();
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#update();
  }

  /** Something else is to be asked for. */
  refresh(): void {
    this.#update();
  }

  /** There is a new token. */
  unlock(): void {
    this.#reached = "connecting";
    this.#message = "";
    this.#unlocked++;
    this.#update();
  }

  /** Tells of the state, and asks at once where that is due. */
  #update(): void {
    this.#tell();
    this.#cancelNext?.();
    this.#cancelNext = undefined;
    if (this.#isAskedFor && !this.#isAsking) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    this.#cancelNext = undefined;
    const unlocked = this.#unlocked;
    const outcome = await this.#options.ask();
    this.#isAsking = false;
    // What was refused to one token is not refused to the next.
    if (outcome.kind !== "locked" || unlocked === this.#unlocked) {
      this.#reached = outcome.kind === "answered" ? "live" : outcome.kind;
      this.#message = outcome.kind === "answered" ? "" : outcome.message;
    }
    this.#tell();
    if (!this.#isAskedFor) return;
    const { after, intervalMs } = this.#options;
    this.#cancelNext = after(intervalMs, () => void this.#ask());
  }

  get #isAskedFor(): boolean {
    return this.#reached !== "locked" && !this.#isPaused && !this.#isHidden;
  }

  #tell(): void {
    const { state } = this;
    if (state === this.#shown) return;
    this.#shown = state;
    this.#options.changed(state, this.#message);
  }
}
