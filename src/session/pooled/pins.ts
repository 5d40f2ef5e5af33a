/** What ties a session to its backend: things the server keeps that cannot be given to another one. */
import { Trait } from "../../postgres/index.ts";
import type { PinBudget } from "./pin-budget.ts";
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

/** In the words of people who look for what ties a session. */
const REASONS: readonly (readonly [pin: number, reason: string])[] = [
  [Trait.Listen, "LISTEN"],
  [Trait.Temporary, "a temporary table"],
  [Trait.HoldCursor, "a cursor WITH HOLD"],
  [Trait.AdvisoryLock, "a session lock"],
  [Trait.Prepare | NAMED_STATEMENT, "a prepared statement"],
  [Trait.Untracked, "settings that cannot be followed"],
  [Trait.SequenceState, "lastval() or currval()"],
];

/** The session that may be tied. */
export interface PinsOwner {
  /** The session becomes pinned. */
  pinned(reason: string): void;
}

export class Pins {
  readonly #isWholeSession: boolean;
  readonly #budget: PinBudget;
  readonly #owner: PinsOwner;
  #bits = 0;

  /** @param mode in session mode the backend stays anyway, and counts as no pin */
  constructor(mode: PooledMode, budget: PinBudget, owner: PinsOwner) {
    this.#isWholeSession = mode === "session";
    this.#budget = budget;
    this.#owner = owner;
  }

  get areNone(): boolean {
    return this.#bits === 0 && !this.#isWholeSession;
  }

  /** A statement may go to the server: it pins nothing, or there is room for one more to be pinned. */
  allows(traits: number): boolean {
    if ((traits & PINNING) === 0 || this.#bits !== 0 || this.#budget.hasRoom) return true;
    this.#budget.refuse();
    return false;
  }

  /** A statement goes to the server; it may fail there, and pins all the same. */
  saw(traits: number, isNamed: boolean): void {
    const before = this.#bits;
    for (const [trait, pins] of UNPINNING) {
      if ((traits & trait) !== 0) this.#bits &= ~pins;
    }
    this.#bits |= traits & PINNING;
    if (isNamed) this.#bits |= NAMED_STATEMENT;
    if (this.#isWholeSession || (before === 0) === (this.#bits === 0)) return;
    if (this.#bits === 0) {
      this.#budget.leave();
    } else {
      this.#budget.enter();
      this.#owner.pinned(this.reason);
    }
  }

  /** The session is over. What it has on its backend is still to be seen here. */
  end(): void {
    if (this.#bits !== 0 && !this.#isWholeSession) this.#budget.leave();
  }

  /** What ties the session to its backend now; "" when nothing does. */
  get reason(): string {
    if (this.#bits === 0) return "";
    const reasons = REASONS.filter(([pin]) => (this.#bits & pin) !== 0);
    return reasons.map(([, reason]) => reason).join(", ");
  }
}
