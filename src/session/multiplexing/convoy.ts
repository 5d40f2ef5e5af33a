/**
 * A backend that serves several sessions at once: a unit is written to it before those ahead are
 * answered, and each answer, up to its ReadyForQuery, belongs to the unit that was sent first of those
 * that are left (PostgreSQL manual, 54.2.4 Pipelining). Only units that change nothing may take part.
 *
 *   open     takes more units, up to its depth
 *   closed   takes no more: its head is slow, large or cancelled; what is under way is still answered
 *   over     the backend is given back or lost; it opens again with the next lease of the backend
 *
 * A unit whose session has gone, or was answered by the gateway, stays in the list as `undefined`: the
 * answer is dropped when it comes.
 */
import type { PooledBackend } from "../../backend/index.ts";
import type { Connection, ConnectionHandler, Deadline } from "../../net/index.ts";
import type { LeaseOutcome, Slot } from "../../pool/index.ts";
import {
  BackendTag,
  HEADER_BYTES,
  MAX_SERVER_MESSAGE_BYTES,
  TransactionStatus,
  lengthAt,
  readErrorResponse,
} from "../../postgres/index.ts";
import type { Rider } from "./rider.ts";
import { MAX_SHARED_ANSWER_BYTES, isQuick, slowAfterMs } from "./unit-facts.ts";

/** A longer ErrorResponse goes on as it comes. */
const MAX_ERROR_BYTES = 64 * 1024;
/** So long a server may take to end what nobody waits for. */
const END_MS = 5_000;

/** What a convoy needs of those around it. */
export interface ConvoyPort {
  readonly depth: number;
  /** Units of a lost backend that nothing has come of yet are sent again. */
  readonly retriesReadOnly: boolean;
  now(): number;
  after(delayMs: number, callback: () => void): Deadline;
  /** There is something to write when all that is at hand was read. */
  scheduleFlush(convoy: Convoy): void;
  /** Tells the server to cancel. Resolves when that is done. Never rejects. */
  cancel(backend: PooledBackend): Promise<void>;
  /** It has riders now, or none any more. */
  began(convoy: Convoy): void;
  ended(convoy: Convoy): void;
}

export class Convoy implements ConnectionHandler {
  readonly slot: Slot<PooledBackend>;
  readonly backend: PooledBackend;
  readonly #port: ConvoyPort;
  #state: "open" | "closed" | "over" = "over";
  /** In the order their units were sent. */
  #riders: (Rider | undefined)[] = [];
  /** Since the server can be busy with the first of them. */
  #headSinceMs = 0;
  /** Of the head's answer, so far. */
  #headBytes = 0;
  /** Cancel requests that the server has not closed the connection of. */
  #cancels = 0;
  /** Nobody can have followed all that has come: the connection is not to be used again. */
  #isTainted = false;
  #farewell: Uint8Array | undefined;
  /** Bytes still to come of a message that was begun to be passed on. */
  #bodyLeft = 0;
  /** The beginning of a message that is waited for. */
  #held: Uint8Array | undefined;
  /** Written by riders, not to the connection yet. */
  #unsent: Uint8Array[] = [];
  /** How long the server may go on when nobody waits for it any more. */
  #limit: Deadline | undefined;
  /** The rider that was taken in last has not written its unit. */
  #awaitsUnit = false;
  /** The last riders, of whose units the connection has nothing yet. */
  #unsentRiders = 0;
  /** It follows what has come, and goes on or ends behind that. */
  #isReading = false;

  constructor(slot: Slot<PooledBackend>, port: ConvoyPort) {
    this.slot = slot;
    this.backend = slot.backend;
    this.#port = port;
  }

  /** Units that are not answered. */
  get length(): number {
    return this.#riders.length;
  }

  /** The lease has just begun: this rider is the first, and stays alone if its statement usually takes long. */
  begin(rider: Rider): void {
    this.#state = isQuick(rider.facts) ? "open" : "closed";
    this.#farewell = undefined;
    this.#isTainted = false;
    this.backend.take(this);
    this.#port.began(this);
    this.add(rider);
  }

  /** One more unit may be sent: this one. */
  takes(rider: Rider): boolean {
    return (
      this.#isOpen &&
      this.#riders.length < this.#port.depth &&
      isQuick(rider.facts) &&
      rider.suits(this.backend)
    );
  }

  /** Takes the rider in, which then writes its unit. */
  add(rider: Rider): void {
    this.#awaitsUnit = true;
    this.#unsentRiders++;
    if (this.#riders.push(rider) === 1) this.#headSinceMs = this.#port.now();
    else this.slot.uses++;
  }

  /** Takes in those who wait for a backend, as far as there is room for them. */
  fill(): void {
    const { depth } = this.#port;
    while (this.#isOpen && this.#riders.length < depth && this.slot.lane.share(this.slot));
  }

  /** Called by the rider that was taken in last: its unit, whole. */
  write(bytes: Uint8Array): void {
    this.#awaitsUnit = false;
    if (this.#unsent.push(bytes) === 1) this.#port.scheduleFlush(this);
  }

  flush(): void {
    const unsent = this.#unsent;
    const [first] = unsent;
    if (first === undefined || this.#state === "over") return;
    this.#unsent = [];
    this.#unsentRiders = 0;
    this.backend.connection.writeThrough(unsent.length === 1 ? first : Buffer.concat(unsent));
  }

  /** The rider's unit is the one that the server works on. */
  isHead(rider: Rider): boolean {
    return this.#riders[0] === rider;
  }

  /** The rider has gone, or its unit is answered: what comes for it is dropped. */
  leave(rider: Rider): void {
    const place = this.#riders.indexOf(rider);
    if (place < 0) return;
    if (this.#awaitsUnit && place === this.#riders.length - 1) {
      this.#awaitsUnit = false;
      this.#unsentRiders--;
      this.#riders.pop();
      this.#proceed();
      return;
    }
    this.#riders[place] = undefined;
    // It may have stopped us because its client does not read.
    this.backend.connection.resume();
    if (this.#isForsaken) this.#giveUp();
  }

  /**
   * Cancels the rider's unit on the server, if that can hit nobody else's.
   * @returns it is done; else the unit is the rider's own to answer
   */
  cancel(rider: Rider): boolean {
    if (!this.isHead(rider) || !this.#isAlone) return false;
    void this.#cancel();
    return true;
  }

  /** The rider's client does not read: nobody waits behind it, and the server is stopped. */
  stalled(rider: Rider): void {
    if (!this.isHead(rider)) return;
    this.#scatter(1);
    this.backend.connection.pause();
  }

  /** Called every now and then: nobody waits for long behind a head that is slow this time. */
  look(nowMs: number): void {
    if (this.#riders.length === 0) return;
    // Under a load that never ends it would never be given back, and so replaced.
    if (this.#state === "open" && !this.slot.lane.keeps(this.slot)) this.#state = "closed";
    if (nowMs - this.#headSinceMs <= slowAfterMs(this.#riders[0]?.facts)) return;
    if (this.#state === "open") this.#scatter(1);
    if (this.#isForsaken) this.#giveUp();
  }

  onData(chunk: Uint8Array): void {
    const bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    const end = bytes.length;
    let from = 0;
    let at = this.#bodyLeft;
    this.#bodyLeft = 0;
    this.#isReading = true;
    while (at + HEADER_BYTES <= end) {
      const tag = bytes[at] ?? 0;
      const next = at + 1 + lengthAt(bytes, at + 1);
      if (next < at + HEADER_BYTES || next - at > MAX_SERVER_MESSAGE_BYTES) {
        this.#break();
        return;
      }
      if (tag === BackendTag.ReadyForQuery) {
        if (next > end) break;
        this.#arrive(bytes, from, next);
        if (!this.#isReading) return;
        from = next;
      } else if (tag === BackendTag.ErrorResponse || tag === BackendTag.ParameterStatus) {
        if (next > end && next - at <= MAX_ERROR_BYTES) break;
        this.#sawRare(tag, bytes, at, next);
      }
      at = next;
    }
    if (at > end) {
      this.#bodyLeft = at - end;
      at = end;
    } else if (at < end) {
      this.#held = bytes.subarray(at);
    }
    if (from < at) this.#deliver(bytes, from, at);
    this.#isReading = false;
    this.#proceed();
  }

  /** What is written is bounded by the depth, and the server reads it all. */
  onStall(): void {}
  onDrain(): void {}

  onEnd(connection: Connection): void {
    connection.terminate();
  }

  onClose(): void {
    this.#lose("lost");
  }

  get #isOpen(): boolean {
    return this.#state === "open" && this.slot.fate === "stays" && !this.slot.lane.isCeding;
  }

  /** Behind the head there is nobody who waits for an answer. */
  get #isAlone(): boolean {
    for (let place = 1; place < this.#riders.length; place++) {
      if (this.#riders[place] !== undefined) return false;
    }
    return true;
  }

  /** Nobody waits for anything any more. */
  get #isForsaken(): boolean {
    return this.#riders.every((rider) => rider === undefined);
  }

  /** The server is told, and has to end. */
  #giveUp(): void {
    if (this.#limit !== undefined) return;
    this.#limit = this.#port.after(END_MS, () => this.#lose("broken"));
    void this.#cancel();
  }

  /** A piece of the head's answer. */
  #deliver(bytes: Uint8Array, from: number, to: number): void {
    const head = this.#riders[0];
    this.#headBytes += to - from;
    if (head === undefined) return;
    if (this.#headBytes > MAX_SHARED_ANSWER_BYTES && this.#state === "open") this.#scatter(1);
    head.onAnswer(bytes, from, to);
  }

  /** The rest of the head's answer, with its ReadyForQuery, which ends with the status. */
  #arrive(bytes: Uint8Array, from: number, to: number): void {
    const status = bytes[to - 1] ?? 0;
    const rider = this.#riders.shift();
    this.#headBytes += to - from;
    rider?.onAnswer(bytes, from, to);
    const nowMs = this.#port.now();
    rider?.facts.answered(nowMs - this.#headSinceMs, this.#headBytes);
    this.#headSinceMs = nowMs;
    this.#headBytes = 0;
    if (status !== TransactionStatus.Idle) {
      // What was proved to change nothing has begun a transaction: nothing here can be relied on.
      this.#isTainted = true;
      this.#scatter(0);
      rider?.onLost(undefined);
      return;
    }
    rider?.onArrived();
    const head = this.#riders[0];
    if (head === undefined) return;
    head.onHead();
    if (head.isStalled) this.stalled(head);
  }

  /** @param next where the message ends, maybe beyond what has come */
  #sawRare(tag: number, bytes: Uint8Array, at: number, next: number): void {
    if (tag === BackendTag.ParameterStatus) {
      // Its session follows it; without one nobody does.
      if (this.#riders[0] === undefined) this.#isTainted = true;
    } else if (next <= bytes.length) {
      const message = bytes.subarray(at, next);
      if (!isFatal(message)) return;
      this.#farewell = message;
      this.#state = "closed";
      this.#isTainted = true;
    }
  }

  /** Takes no more, and has those from a place on go elsewhere. */
  #scatter(from: number): void {
    this.#state = "closed";
    const stranded = this.#riders.slice(from);
    this.#riders.fill(undefined, from);
    for (const rider of stranded) rider?.onStranded(this.#headSinceMs);
  }

  async #cancel(): Promise<void> {
    this.#state = "closed";
    this.#cancels++;
    await this.#port.cancel(this.backend);
    this.#cancels--;
    this.#proceed();
  }

  /** Goes on with others, or gives the backend back when there is nothing under way. */
  #proceed(): void {
    if (this.#state === "over" || this.#isReading) return;
    this.fill();
    if (this.#riders.length > 0 || this.#cancels > 0) return;
    this.#end(this.#isTainted || this.#held !== undefined ? "broken" : "clean");
  }

  /** The server says what cannot be. */
  #break(): void {
    this.#isTainted = true;
    this.#lose("broken");
  }

  #lose(outcome: LeaseOutcome): void {
    if (this.#state === "over") return;
    const riders = this.#riders;
    this.#riders = [];
    const farewell = this.#farewell;
    const hasHeadHeard = this.#headBytes > 0;
    const sinceMs = this.#headSinceMs;
    const firstUnsent = riders.length - this.#unsentRiders;
    this.#end(outcome);
    for (const [place, rider] of riders.entries()) {
      const hasHeard = place === 0 && hasHeadHeard;
      if (place >= firstUnsent) rider?.onStranded(sinceMs);
      else if (this.#port.retriesReadOnly && !hasHeard) rider?.onLost(farewell, sinceMs);
      // The head has been told with its answer.
      else rider?.onLost(place === 0 ? undefined : farewell);
    }
  }

  #end(outcome: LeaseOutcome): void {
    this.#state = "over";
    this.#bodyLeft = 0;
    this.#headBytes = 0;
    this.#held = undefined;
    this.#unsent = [];
    this.#unsentRiders = 0;
    this.#isReading = false;
    this.#limit?.dispose();
    this.#limit = undefined;
    this.#port.ended(this);
    this.backend.connection.resume();
    this.slot.release(outcome);
  }
}

function isFatal(message: Uint8Array): boolean {
  const { severity } = readErrorResponse(message);
  return severity === "FATAL" || severity === "PANIC";
}
