/**
 * Why a session cannot go on, from when that is known until it ends. The first two may be so at once.
 *
 *   draining     the client is to leave: the session ends as soon as nothing is under way
 *   half closed  the client has said its last word: it ends when that is answered, or the server takes too
 *                long over it (see {@link HalfClosedLimit})
 *   failed       nothing can be waited for: it ends at once, and the client is told why if it can be
 */
import type { ErrorCode, GatewayError } from "../../errors.ts";
import { fatalResponse } from "../../postgres/index.ts";
import type { Notice } from "../../postgres/index.ts";
import { HalfClosedLimit } from "../half-closed-limit.ts";
import type { HalfClosedTraffic } from "../half-closed-limit.ts";
import type { RelayEnd } from "../relay.ts";
import type { RelayParts } from "./relay-parts.ts";

/** The relay around it. */
export interface EndingOwner extends HalfClosedTraffic {
  readonly isReceiving: boolean;
  end(end: RelayEnd): void;
}

export class SessionEnding {
  readonly #owner: EndingOwner;
  readonly #parts: RelayParts;
  /** Why it is draining; undefined when it is not. */
  #goodbye: ErrorCode | undefined;
  #halfClosed: HalfClosedLimit | undefined;
  /** The server may have a part of a message whose rest it will not get. */
  isOutOfStep = false;

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
    const { ledger, answers, read } = this.#parts;
    if (ledger.owesAnswer || !answers.isAtBoundary || answers.isDropping) {
      this.#halfClosed.follow();
      return;
    }
    if (read.owesReady) read.tellReady();
    this.#owner.end({ kind: "clientGone" });
  }

  leaveIfDraining(): void {
    const { hold, ledger } = this.#parts;
    const { state } = hold;
    if (this.#goodbye === undefined || state === "over") return;
    const isQuiet = state === "none" || (state === "held" && ledger.isIdle);
    if (!isQuiet || this.#owner.isReceiving || ledger.isInTransaction) return;
    this.fail(this.#goodbye);
  }

  fail(code: ErrorCode, detail?: string): void {
    const { hold, side, answers, options } = this.#parts;
    side.failing(code);
    if (hold.state === "over") return;
    if (answers.isClientAtBoundary) side.client.write(options.facts.lastWords(code));
    this.#owner.end({ kind: "failed", code, ...(detail !== undefined && { detail }) });
  }

  /** One side has sent what cannot be. */
  violated({ code, message }: GatewayError): void {
    this.isOutOfStep = true;
    this.fail(code, message);
  }

  settingsRefused(notice: Notice): void {
    this.#parts.side.client.write(fatalResponse(notice));
    this.#owner.end({ kind: "failed", code: "ERR_SETTINGS_LOST", detail: notice.message });
  }

  /** The server that worked for it is gone. */
  serverGone(): void {
    const { hold, answers } = this.#parts;
    hold.release("lost");
    if (this.isHalfClosed) this.#owner.end({ kind: "clientGone" });
    else if (answers.endedWithError && answers.isAtBoundary) {
      this.#owner.end({ kind: "serverClosed" });
    } else this.fail("ERR_SERVER_LOST");
  }

  /** The same of one that it shared. @param farewell what that had to say at last */
  rideLost(farewell: Uint8Array | undefined): void {
    if (farewell === undefined) {
      this.serverGone();
      return;
    }
    this.#parts.side.client.write(farewell);
    this.#owner.end({ kind: "serverClosed" });
  }

  dispose(): void {
    this.#halfClosed?.dispose();
  }

  /** In the queue for a server there is nothing to wait for. */
  get #isAnswerDue(): boolean {
    const { hold, ledger, gate, read } = this.#parts;
    const { state } = hold;
    if (state === "held" || state === "riding") return ledger.owesAnswer;
    // There is something to tell the client when its settings are known.
    const isUnheard = read.owesReady || gate.isReady;
    return state === "restoring" || (state === "settling" && isUnheard);
  }
}
