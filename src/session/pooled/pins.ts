/** What ties a session to its backend: things the server keeps that cannot be given to another one. */
import { Trait } from "../../postgres/index.ts";
import type { PooledMode } from "./pooling.ts";

/** A named statement made by a Parse; a bit beside those of {@link Trait}. */
const NAMED_STATEMENT = 1 << 30;

const PINNING =
  Trait.Listen |
  Trait.Temporary |
  Trait.HoldCursor |
  Trait.AdvisoryLock |
  Trait.Prepare |
  Trait.Untracked |
  Trait.SequenceState;

/** What takes a pin away, and which. */
const UNPINNING: readonly (readonly [trait: number, pins: number])[] = [
  [Trait.UnlistenAll, Trait.Listen],
  [Trait.DiscardTemporary, Trait.Temporary],
  [Trait.CloseAll, Trait.HoldCursor],
  [Trait.AdvisoryUnlockAll, Trait.AdvisoryLock],
  [Trait.DeallocateAll, Trait.Prepare | NAMED_STATEMENT],
  [Trait.DiscardSequences, Trait.SequenceState],
];

export class Pins {
  readonly #isWholeSession: boolean;
  #bits = 0;

  /** @param mode in session mode the backend stays anyway */
  constructor(mode: PooledMode) {
    this.#isWholeSession = mode === "session";
  }

  get areNone(): boolean {
    return this.#bits === 0 && !this.#isWholeSession;
  }

  /** A statement goes to the server; it may fail there, and pins all the same. */
  saw(traits: number, isNamed: boolean): void {
    for (const [trait, pins] of UNPINNING) {
      if ((traits & trait) !== 0) this.#bits &= ~pins;
    }
    this.#bits |= traits & PINNING;
    if (isNamed) this.#bits |= NAMED_STATEMENT;
  }
}
