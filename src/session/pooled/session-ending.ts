/**
 * Why a session cannot go on, from when that is known until it ends. Both may be so at once.
 *
 *   draining     the client is to leave: the session ends as soon as nothing is under way
 *   half closed  the client has said its last word: it ends when that is answered, or the server takes too
 *                long over it (see {@link HalfClosedLimit})
 */
import type { ErrorCode } from "../../errors.ts";
import type { AnswerLedger } from "../../postgres/index.ts";
import { HalfClosedLimit } from "../half-closed-limit.ts";
import type { HalfClosedTraffic } from "../half-closed-limit.ts";
import type { RelayEnd } from "../relay.ts";
import type { RelayParts } from "./relay-parts.ts";

/** The relay around it. */
export interface EndingOwner extends HalfClosedTraffic {
  readonly ledger: AnswerLedger;
  readonly isReceiving: boolean;
  fail(code: ErrorCode): void;
  end(end: RelayEnd): void;
}

export class SessionEnding {
  readonly #owner: EndingOwner;
  readonly #parts: RelayParts;
  /** Why it is draining; undefined when it is not. */
  #goodbye: ErrorCode | undefined;
  #halfClosed: HalfClosedLimit | undefined;

  constructor(owner: EndingOwner, parts: RelayParts) {
    this.#owner = owner;
    this.#parts = parts;
  }

  get isHalfClosed(): boolean {
    return this.#halfClosed !== undefined;
  }

  drain(code: ErrorCode): void {
    this.#goodbye ??= code;
    this.leaveIfDraining();
  }

  /** The client sends nothing more, but may still wait for an answer. */
  clientEnded(): void {
    if (this.#isAnswerDue) this.awaitLastAnswer();
    else this.#owner.end({ kind: "clientGone" });
  }

  /** The client is owed an answer, and sends nothing more. */
  awaitLastAnswer(): void {
    const { timers } = this.#parts.options.context;
    this.#halfClosed ??= new HalfClosedLimit(this.#owner, timers, () =>
      this.#owner.end({ kind: "clientGone" }),
    );
  }

  /** The server is read from again, or not any more. */
  follow(): void {
    this.#halfClosed?.follow();
  }

  /** The server has said something. The Sync of a batch that is still open will not come any more. */
  answered(): void {
    if (this.#halfClosed === undefined) return;
    const { answers, read } = this.#parts;
    if (this.#owner.ledger.owesAnswer || !answers.isAtBoundary || answers.isDropping) {
      this.#halfClosed.follow();
      return;
    }
    if (read.owesReady) read.tellReady();
    this.#owner.end({ kind: "clientGone" });
  }

  leaveIfDraining(): void {
    const { state } = this.#parts.hold;
    if (this.#goodbye === undefined || state === "over") return;
    const { ledger, isReceiving } = this.#owner;
    const isQuiet = state === "none" || (state === "held" && ledger.isIdle);
    if (!isQuiet || isReceiving || ledger.isInTransaction) return;
    this.#owner.fail(this.#goodbye);
  }

  dispose(): void {
    this.#halfClosed?.dispose();
  }

  /** In the queue for a server there is nothing to wait for. */
  get #isAnswerDue(): boolean {
    const { hold, gate, read } = this.#parts;
    const { state } = hold;
    if (state === "held" || state === "riding") return this.#owner.ledger.owesAnswer;
    // There is something to tell the client when its settings are known.
    const isUnheard = read.owesReady || gate.isReady;
    return state === "restoring" || (state === "settling" && isUnheard);
  }
}
