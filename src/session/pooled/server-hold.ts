/**
 * A session's hold on a server: asked for when there is something to do, and given up when all is
 * answered.
 *
 *   none       it has no backend
 *   waiting    it has asked for one
 *   restoring  there is one, which gets the session's settings first
 *   held       the session uses it
 *   riding     the session uses it together with others, for one unit
 *   settling   the session has finished; the server is asked what has been set
 *   over       the session has ended; the backend goes to others once it is clean
 *
 * A lease ends when everything is answered outside a transaction, except in session mode, and for a
 * session that is tied to its backend.
 */
import type { PooledBackend } from "../../backend/index.ts";
import { GatewayError } from "../../errors.ts";
import type { ConnectionHandler } from "../../net/index.ts";
import { LeaseTicket } from "../../pool/index.ts";
import type { LeaseOutcome, LeaseWaiter, PairLane, Slot } from "../../pool/index.ts";
import type { Notice } from "../../postgres/index.ts";
import type {
  Convoy,
  ConvoyLine,
  Multiplexing,
  Rider,
  UnitFacts,
  UnitPass,
} from "../multiplexing/index.ts";
import type { ConnectionFields } from "../../watch/index.ts";
import { Aftermath } from "./aftermath.ts";
import type { Remains } from "./aftermath.ts";
import type { SessionState } from "./session-state.ts";

/** The session, as its hold sees it. */
export interface HoldOwner extends ConnectionHandler {
  readonly remoteAddress: string;
  readonly logFields: ConnectionFields;
  /** Its client does not take what it is sent. */
  readonly isClientStalled: boolean;
  /** There is a backend with the session's settings in force: for one unit only, while riding. */
  onHold(backend: PooledBackend): void;
  /** What the session has set is known. Whether it keeps the backend is its own choice. */
  onSettled(backend: PooledBackend): void;
  /** The server refuses settings that the session cannot go on without. */
  onSettingsRefused(notice: Notice): void;
  /** There is no backend to be had, or it was lost while the gateway itself asked it something. */
  onHoldFailed(thrown: unknown): void;
  onLongWait(waitedMs: number): void;
  /** Riding: the server has come to its unit. */
  onHead(): void;
  /** Riding: a piece of its answer, from `from` to before `to`. */
  onAnswer(bytes: Uint8Array, from: number, to: number): void;
  /** Riding is over: its unit is answered. */
  onArrived(): void;
  /** Its unit is not answered by the backend it was sent to, and goes to another one. */
  onStranded(): void;
  /** Riding, the backend is lost; see {@link Rider.onLost}. */
  onRideLost(farewell: Uint8Array | undefined): void;
}

/** How a session leaves the backend that it holds. */
export type Leavings = Omit<Remains, "slot" | "isDirty">;

export type HoldState = "none" | "waiting" | "restoring" | "held" | "riding" | "settling" | "over";

/** After so many losses in a row, with nothing sent yet, the session is told. */
const MAX_LOST_IN_VAIN = 3;

export class ServerHold implements LeaseWaiter<PooledBackend>, Rider {
  state: HoldState = "none";
  /** While there is one, in whatever state. */
  backend: PooledBackend | undefined;
  /** {@link request} has not returned: what comes now was there at once. */
  isAtOnce = false;
  readonly #owner: HoldOwner;
  readonly #session: SessionState;
  readonly #ticket: LeaseTicket<PooledBackend>;
  #lane: PairLane<PooledBackend>;
  readonly #multiplexing: Multiplexing | undefined;
  /** Of the lane, with multiplexing. */
  #line: ConvoyLine | undefined;
  /** The unit that is asked for may share a backend. */
  #pass: UnitPass | undefined;
  #convoy: Convoy | undefined;
  #slot: Slot<PooledBackend> | undefined;
  #lostInVain = 0;
  /** The unit that rides was with a backend already that was lost with it. */
  #isRepeated = false;
  /** How a session that has ended meanwhile leaves it. */
  #remains: Leavings | undefined;

  constructor(
    owner: HoldOwner,
    session: SessionState,
    lane: PairLane<PooledBackend>,
    multiplexing: Multiplexing | undefined,
  ) {
    this.#owner = owner;
    this.#session = session;
    this.#lane = lane;
    this.#multiplexing = multiplexing;
    this.#line = multiplexing?.lineOf(lane);
    this.#ticket = new LeaseTicket(this);
  }

  get remoteAddress(): string {
    return this.#owner.remoteAddress;
  }

  get logFields(): ConnectionFields {
    return this.#owner.logFields;
  }

  /** What it asks by, while it waits. */
  get ticket(): object | undefined {
    return this.#ticket.isWaiting ? this.#ticket : undefined;
  }

  /** Where it asks. */
  get lane(): PairLane<PooledBackend> {
    return this.#lane;
  }

  /** The session has something on its backend that no other one can give it. */
  get isTied(): boolean {
    return this.backend !== undefined && this.#session.isTied;
  }

  /**
   * Asks for a backend; `onHold` may be called before this returns.
   * @param pass of a unit that may share one, which is all that there is to send
   */
  request(pass?: UnitPass): void {
    this.state = "waiting";
    this.#pass = pass;
    this.#isRepeated = false;
    this.isAtOnce = true;
    const convoy = pass === undefined ? undefined : this.#line?.find(this);
    if (convoy === undefined) this.#lane.lease(this.#ticket);
    else this.#ride(convoy, false);
    this.isAtOnce = false;
  }

  /** More has come than one unit: it cannot share a backend any more. */
  forgoPass(): void {
    this.#pass = undefined;
  }

  /** What the session sends. */
  write(bytes: Uint8Array): void {
    if (this.#convoy !== undefined) this.#convoy.write(bytes);
    else this.backend?.connection.writeThrough(bytes);
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
  async settle(isInTransaction: boolean): Promise<void> {
    const { backend } = this;
    if (backend === undefined) return;
    this.state = "settling";
    try {
      const refusal = isInTransaction
        ? await this.#session.settleWithin(backend)
        : await this.#session.settle(backend);
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
    if (before === "riding") {
      this.#convoy?.leave(this);
      this.#dismount("over");
      return;
    }
    // What is under way between gateway and server hands it on by itself.
    if (before === "restoring" || before === "settling") this.#remains = remains;
    else this.#leave(remains);
  }

  onLease(slot: Slot<PooledBackend>): void {
    this.#enter(slot.lane);
    if (this.#line !== undefined && this.#pass?.suits(slot.backend) === true) {
      this.#ride(this.#line.convoyOf(slot), true);
      return;
    }
    this.#slot = slot;
    this.backend = slot.backend;
    slot.backend.take(this.#owner);
    if (this.#session.isAt(slot.backend)) this.#hold(slot.backend);
    else void this.#restore(slot.backend);
  }

  joins(slot: Slot<PooledBackend>): boolean {
    if (this.#pass === undefined) return false;
    this.#enter(slot.lane);
    const convoy = this.#line?.convoyOf(slot);
    if (convoy?.takes(this) !== true) return false;
    this.#ride(convoy, false);
    return true;
  }

  get facts(): UnitFacts {
    const facts = this.#pass?.facts;
    if (facts === undefined) throw new Error("no unit rides"); // Only asked of riders.
    return facts;
  }

  get isStalled(): boolean {
    return this.#owner.isClientStalled;
  }

  /** Riding: the server works on the session's unit. */
  get isHead(): boolean {
    return this.#convoy?.isHead(this) === true;
  }

  /** Riding: with units of others ahead. */
  get isShared(): boolean {
    return this.#convoy !== undefined && !this.#convoy.isHead(this);
  }

  suits(backend: PooledBackend): boolean {
    return this.#pass?.suits(backend) === true;
  }

  onHead(): void {
    this.#owner.onHead();
  }

  onAnswer(bytes: Uint8Array, from: number, to: number): void {
    if (this.state === "riding") this.#owner.onAnswer(bytes, from, to);
  }

  onArrived(): void {
    if (this.state !== "riding") return;
    this.#dismount("none");
    this.#owner.onArrived();
  }

  onStranded(sinceMs: number): void {
    if (this.state !== "riding") return;
    this.#dismount("waiting");
    this.#owner.onStranded();
    this.#ticket.sinceMs = sinceMs;
    this.#lane.rejoin(this.#ticket);
  }

  onLost(farewell: Uint8Array | undefined, sinceMs?: number): void {
    if (this.state !== "riding") return;
    if (sinceMs !== undefined && !this.#isRepeated) {
      this.#isRepeated = true;
      this.onStranded(sinceMs);
      return;
    }
    this.#dismount("none");
    this.#owner.onRideLost(farewell);
  }

  /** Riding: cancels the unit on the server; false when it is the session's to answer. */
  cancelRide(): boolean {
    return this.#convoy?.cancel(this) === true;
  }

  /** Riding: the session has no interest in the answer any more. */
  leaveRide(): void {
    this.#convoy?.leave(this);
    this.#dismount("none");
  }

  /** The client does not take what it is sent. */
  stall(): void {
    if (this.#convoy !== undefined) this.#convoy.stalled(this);
    else this.backend?.connection.pause();
  }

  onLeaseFailed(error: GatewayError): void {
    this.state = "none";
    this.#owner.onHoldFailed(error);
  }

  onLongWait(waitedMs: number): void {
    this.#owner.onLongWait(waitedMs);
  }

  #enter(lane: PairLane<PooledBackend>): void {
    if (this.#lane === lane) return;
    this.#lane = lane;
    this.#line = this.#multiplexing?.lineOf(lane);
  }

  #ride(convoy: Convoy, isFirst: boolean): void {
    this.state = "riding";
    this.#convoy = convoy;
    this.backend = convoy.backend;
    if (isFirst) convoy.begin(this);
    else convoy.add(this);
    this.#owner.onHold(convoy.backend);
    if (isFirst) convoy.fill();
  }

  #dismount(state: HoldState): void {
    this.state = state;
    this.#convoy = undefined;
    this.backend = undefined;
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
      // Behind its answer, but before we had it.
      if (!backend.isOpen) throw new GatewayError("ERR_SERVER_LOST");
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
      // Behind its answer, but before we had it: nobody else tells.
      if (!backend.isOpen) this.#owner.onClose(undefined, backend.connection);
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
