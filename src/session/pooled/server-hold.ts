/**
 * A session's hold on a server: asked for when there is something to do, and given up when all is
 * answered.
 *
 *   none       it has no backend
 *   waiting    it has asked for one
 *   restoring  there is one, which gets the session's settings first
 *   held       the session uses it
 *   settling   the session has finished; the server is asked what has been set
 *   over       the session has ended; the backend goes to others once it is clean
 *
 * A lease ends when everything is answered outside a transaction, except in session mode, and for a
 * session that is tied to its backend.
 */
import type { PooledBackend } from "../../backend/index.ts";
import type { GatewayError } from "../../errors.ts";
import type { ConnectionHandler } from "../../net/index.ts";
import { LeaseTicket } from "../../pool/index.ts";
import type { LeaseOutcome, LeaseWaiter, PairLane, Slot } from "../../pool/index.ts";
import type { Notice } from "../../postgres/index.ts";
import { Aftermath } from "./aftermath.ts";
import type { Remains } from "./aftermath.ts";
import type { SessionState } from "./session-state.ts";

/** The session, as its hold sees it. */
export interface HoldOwner extends ConnectionHandler {
  readonly remoteAddress: string;
  /** There is a backend with the session's settings in force. */
  onHold(backend: PooledBackend): void;
  /** What the session has set is known. Whether it keeps the backend is its own choice. */
  onSettled(backend: PooledBackend): void;
  /** The server refuses settings that the session cannot go on without. */
  onSettingsRefused(notice: Notice): void;
  /** There is no backend to be had, or it was lost while the gateway itself asked it something. */
  onHoldFailed(thrown: unknown): void;
  onLongWait(waitedMs: number): void;
}

/** How a session leaves the backend that it holds. */
export type Leavings = Omit<Remains, "slot" | "isDirty">;

export type HoldState = "none" | "waiting" | "restoring" | "held" | "settling" | "over";

/** After so many losses in a row, with nothing sent yet, the session is told. */
const MAX_LOST_IN_VAIN = 3;

export class ServerHold implements LeaseWaiter<PooledBackend> {
  state: HoldState = "none";
  /** While there is one, in whatever state. */
  backend: PooledBackend | undefined;
  readonly #owner: HoldOwner;
  readonly #session: SessionState;
  readonly #ticket: LeaseTicket<PooledBackend>;
  #lane: PairLane<PooledBackend>;
  #slot: Slot<PooledBackend> | undefined;
  #lostInVain = 0;
  /** How a session that has ended meanwhile leaves it. */
  #remains: Leavings | undefined;

  constructor(owner: HoldOwner, session: SessionState, lane: PairLane<PooledBackend>) {
    this.#owner = owner;
    this.#session = session;
    this.#lane = lane;
    this.#ticket = new LeaseTicket(this);
  }

  get remoteAddress(): string {
    return this.#owner.remoteAddress;
  }

  /** Asks for a backend; `onHold` may be called before this returns. */
  request(): void {
    this.state = "waiting";
    this.#lane.lease(this.#ticket);
  }

  /** Asks for none any more. */
  withdraw(): void {
    this.#ticket.withdraw();
    if (this.state === "waiting") this.state = "none";
  }

  /** The session has what it wanted. */
  release(outcome: LeaseOutcome): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    this.#slot = undefined;
    this.backend = undefined;
    if (this.state !== "over") this.state = "none";
    slot.backend.connection.resume();
    slot.release(outcome);
  }

  /** Asks what the session has set; `onSettled` hears it. */
  async settle(): Promise<void> {
    const { backend } = this;
    if (backend === undefined) return;
    this.state = "settling";
    try {
      const refusal = await this.#session.settle(backend);
      this.#settled(backend, refusal);
    } catch (thrown) {
      this.#lost(thrown);
    }
  }

  /**
   * The session is over.
   * @param remains how it leaves the backend it holds; undefined when that cannot be used again
   */
  end(remains: Leavings | undefined): void {
    const before = this.state;
    this.state = "over";
    this.#ticket.withdraw();
    // What is under way between gateway and server hands it on by itself.
    if (before === "restoring" || before === "settling") this.#remains = remains;
    else this.#leave(remains);
  }

  onLease(slot: Slot<PooledBackend>): void {
    this.#slot = slot;
    this.#lane = slot.lane;
    this.backend = slot.backend;
    slot.backend.take(this.#owner);
    if (this.#session.isAt(slot.backend)) this.#hold(slot.backend);
    else void this.#restore(slot.backend);
  }

  onLeaseFailed(error: GatewayError): void {
    this.state = "none";
    this.#owner.onHoldFailed(error);
  }

  onLongWait(waitedMs: number): void {
    this.#owner.onLongWait(waitedMs);
  }

  #hold(backend: PooledBackend): void {
    this.state = "held";
    this.#owner.onHold(backend);
  }

  /** Nothing of the client runs before its settings are in force. */
  async #restore(backend: PooledBackend): Promise<void> {
    this.state = "restoring";
    try {
      const refusal = await this.#session.restore(backend);
      this.#restored(backend, refusal);
    } catch (thrown) {
      const isInVain = this.state === "restoring" && ++this.#lostInVain < MAX_LOST_IN_VAIN;
      if (!isInVain) {
        this.#lost(thrown);
        return;
      }
      // Nothing of the unit was sent: it goes to another one.
      this.release("lost");
      this.request();
    }
  }

  #restored(backend: PooledBackend, refusal: Notice | undefined): void {
    if (refusal !== undefined) {
      this.#refused(refusal);
    } else if (this.state === "restoring") {
      this.#lostInVain = 0;
      this.#hold(backend);
    } else {
      this.#leave(this.#remains);
    }
  }

  #settled(backend: PooledBackend, refusal: Notice | undefined): void {
    if (refusal !== undefined) {
      this.#refused(refusal);
    } else if (this.state === "settling") {
      this.state = "held";
      this.#owner.onSettled(backend);
    } else {
      this.#leave(this.#remains);
    }
  }

  #refused(notice: Notice): void {
    const isOver = this.state === "over";
    this.release("broken");
    if (!isOver) this.#owner.onSettingsRefused(notice);
  }

  #lost(thrown: unknown): void {
    const isOver = this.state === "over";
    this.release("lost");
    if (!isOver) this.#owner.onHoldFailed(thrown);
  }

  #leave(remains: Leavings | undefined): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    const { isDirty } = this.#session;
    const isClean = remains?.ledger.isIdle === true && !remains.ledger.isInTransaction && !isDirty;
    if (remains === undefined || isClean) {
      this.release(isClean ? "clean" : "broken");
      return;
    }
    this.#slot = undefined;
    void new Aftermath({ ...remains, slot, isDirty });
  }
}
