/**
 * A logged-in client of a pooled mode, which has a server only while it needs one.
 *
 *   idle       nothing to do; what the client sends is collected
 *   waiting    a whole unit is here, and a backend has been asked for
 *   restoring  there is a backend, which gets this session's settings first
 *   leased     what the client sends goes to the backend, and its answers to the client
 *   settling   all is answered; the server is asked what the client has set
 *   over       it has ended; a backend that it had is being cleaned
 *
 * A lease ends when everything is answered outside a transaction, except in session mode, and for a
 * session that is pinned: it has something on its backend that no other one can give it.
 */
import type { PooledBackend, StatementCatalog } from "../../backend/index.ts";
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { Connection, ConnectionHandler } from "../../net/index.ts";
import { LeaseTicket } from "../../pool/index.ts";
import type { LeaseOutcome, LeaseWaiter, PairLane, Slot } from "../../pool/index.ts";
import {
  AnswerLedger,
  BackendWriter,
  TransactionStatus,
  UnitGate,
  errorResponse,
  errorResponseFor,
  readErrorResponse,
  readyForQuery,
} from "../../postgres/index.ts";
import type { Notice, Settings } from "../../postgres/index.ts";
import type { Cancellable } from "../cancel-keys.ts";
import { Cancellation } from "../cancellation.ts";
import { forwardCancel } from "../forward-cancel.ts";
import { HalfClosedLimit } from "../half-closed-limit.ts";
import type { HalfClosedTraffic } from "../half-closed-limit.ts";
import type { RelayEnd } from "../relay.ts";
import type { SessionContext } from "../session-context.ts";
import { SessionPhase } from "../session-phase.ts";
import type { LimitedPhase, PhaseTraffic } from "../session-phase.ts";
import { Aftermath } from "./aftermath.ts";
import { AnswerStream } from "./answer-stream.ts";
import type { AnswerPort } from "./answer-stream.ts";
import { parameterDifference } from "./parameter-difference.ts";
import { Pins } from "./pins.ts";
import { RequestStream } from "./request-stream.ts";
import { SessionStatements } from "./session-statements.ts";
import { readSettings, restoreSettings } from "./settings-exchange.ts";
import { SettingsWatch } from "./settings-watch.ts";

export type PooledMode = "session" | "transaction" | "statement";

export interface PooledRelayOptions {
  readonly client: Connection;
  readonly context: SessionContext;
  readonly lane: PairLane<PooledBackend>;
  /** Its name, for the log. */
  readonly block: string;
  readonly mode: PooledMode;
  readonly resetQuery: string;
  /** The prepared statements of the block. */
  readonly statements: StatementCatalog;
  /** What the client has set at its login, as the server has it. */
  readonly settings: Settings;
  /** What the client was told of its session. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The cancel key that the client was given. */
  readonly cancelKey: Uint8Array;
  readonly onEnd: (end: RelayEnd) => void;
}

type State = "idle" | "waiting" | "restoring" | "leased" | "settling" | "over";

/** A client that waits may have sent this much; then it is not read from any more. */
const MAX_WAITING_BYTES = 64 * 1024;

/** After so many losses in a row the client is told. */
const MAX_LOST_IN_VAIN = 3;

const EXPIRED = {
  login: "ERR_STARTUP_TIMEOUT",
  cancelling: "ERR_QUERY_TIMEOUT",
  idleInTransaction: "ERR_IDLE_IN_TRANSACTION_TIMEOUT",
  idle: "ERR_IDLE_TIMEOUT",
} as const satisfies Record<Exclude<LimitedPhase, "query">, ErrorCode>;

export class PooledRelay
  implements
    ConnectionHandler,
    LeaseWaiter<PooledBackend>,
    AnswerPort,
    Cancellable,
    PhaseTraffic,
    HalfClosedTraffic
{
  // First what each piece of traffic needs, side by side in memory.
  readonly #client: Connection;
  #state: State = "idle";
  #slot: Slot<PooledBackend> | undefined;
  readonly ledger = new AnswerLedger();
  readonly #requests: RequestStream;
  readonly #answers: AnswerStream;
  readonly #ticket: LeaseTicket<PooledBackend>;
  #lane: PairLane<PooledBackend>;
  readonly #gate: UnitGate;
  /** None in session mode: the backend is the session's own. */
  readonly #statements: SessionStatements | undefined;
  /** The one that was leased last. */
  #backend: PooledBackend | undefined;
  #isTimed = true;
  /** The server may have a part of a message whose rest it will not get. */
  #isOutOfStep = false;
  #cancellation: Cancellation | undefined;
  #isDraining = false;
  /** Backends that were lost one after the other before anything was sent to them. */
  #lostInVain = 0;
  #areClientReadsPaused = false;
  /** The client does not take what it is sent: its server is not read from. */
  #isClientStalled = false;
  #halfClosed: HalfClosedLimit | undefined;
  readonly #options: PooledRelayOptions;
  readonly #pins: Pins;
  readonly #watch: SettingsWatch;
  readonly #phase: SessionPhase;
  #settings: Settings;
  /** What the client knows of its session's parameters. */
  #told: ReadonlyMap<string, string>;

  constructor(options: PooledRelayOptions) {
    const { client, context, lane, settings, parameters, cancelKey } = options;
    const { limits, timers } = context;
    this.#client = client;
    this.#options = options;
    this.#lane = lane;
    this.#settings = settings;
    this.#told = parameters;
    this.#pins = new Pins(options.mode);
    this.#watch = new SettingsWatch();
    this.#ticket = new LeaseTicket(this);
    // The login is over, and the gateway has said so.
    this.ledger.readyForQuery(TransactionStatus.Idle);
    if (options.mode !== "session") {
      const { statements } = options;
      this.#statements = new SessionStatements(this.ledger, this.#pins, this.#watch, statements);
    }
    this.#requests = new RequestStream(this.ledger, limits.maxMessageBytes, this.#statements);
    this.#answers = new AnswerStream(this.ledger, this);
    this.#gate = new UnitGate(limits.maxMessageBytes);
    this.#phase = new SessionPhase(this, limits, timers, (phase) => this.#expired(phase));
    if (limits.queryTimeoutMs > 0) this.#cancellation = this.#newCancellation(true);
    context.cancelKeys.add(cancelKey, this);
  }

  /** @param rest what the client sent behind its login */
  start(rest: Uint8Array): void {
    this.#client.handler = this;
    this.#followTime();
    if (rest.length > 0) this.onData(rest, this.#client);
  }

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  get isReceiving(): boolean {
    return this.#state === "leased" ? !this.#requests.isAtBoundary : !this.#gate.isEmpty;
  }

  get isHandling(): boolean {
    if (this.#state === "idle") return false;
    return this.#state !== "leased" || this.#cancellation?.isHolding === true;
  }

  get isServerPaused(): boolean {
    return this.#isClientStalled && this.#state === "leased";
  }

  get isKeepingServer(): boolean {
    return this.#state === "leased" && !this.#requests.isAtBoundary;
  }

  get isQueryRunning(): boolean {
    return this.#state === "leased" && !this.ledger.isAnswered;
  }

  get hasTerminated(): boolean {
    return this.#requests.hasTerminated;
  }

  drain(): void {
    this.#isDraining = true;
    this.#leaveIfDraining();
  }

  fail(code: ErrorCode, detail?: string): void {
    if (this.#state === "over") return;
    if (this.#answers.isClientAtBoundary) this.#client.write(errorResponseFor(code, "FATAL"));
    this.#end({ kind: "failed", code, ...(detail !== undefined && { detail }) });
  }

  async cancel(): Promise<void> {
    if (this.#state === "waiting") this.#cancelWaiting();
    if (!this.isQueryRunning) return;
    this.#cancellation ??= this.#newCancellation(false);
    await this.#cancellation.request();
    this.#guard(() => {
      if (this.#state !== "leased") return;
      this.#releaseHeld();
      this.#answered();
    });
  }

  onData(bytes: Uint8Array, from: Connection): void {
    try {
      if (from === this.#client) this.#fromClient(bytes);
      else this.#fromServer(bytes);
    } catch (thrown) {
      this.#violated(thrown);
    }
  }

  onStall(at: Connection): void {
    if (at === this.#client) this.#clientStalled();
    else this.#pauseClient();
  }

  onDrain(at: Connection): void {
    if (at === this.#client) this.#clientDrained();
    else this.#resumeClient();
  }

  onEnd(of: Connection): void {
    if (of !== this.#client) this.#serverGone();
    else if (this.isQueryRunning) this.#awaitLastAnswer();
    else this.#end({ kind: "clientGone" });
  }

  onClose(_error: Error | undefined, connection: Connection): void {
    if (this.#state === "over") return;
    if (connection === this.#client) this.#end({ kind: "clientGone" });
    else this.#serverGone();
  }

  onLease(slot: Slot<PooledBackend>): void {
    this.#slot = slot;
    this.#lane = slot.lane;
    slot.backend.take(this);
    if (slot.backend.settings.equals(this.#settings)) this.#begin(slot.backend);
    else void this.#restore(slot.backend);
  }

  onLongWait(waitedMs: number): void {
    const message = `waiting for a server connection for ${Math.round(waitedMs / 1000)} s`;
    const writer = new BackendWriter();
    writer.noticeResponse({ severity: "NOTICE", sqlState: "00000", message });
    this.#client.write(writer.take());
  }

  onLeaseFailed(error: GatewayError): void {
    this.fail(error.code, error.message);
  }

  #fromClient(bytes: Uint8Array): void {
    if (this.#state === "leased") {
      this.#toServer(bytes);
      return;
    }
    this.#gate.push(bytes);
    if (this.#state === "idle") this.#advance();
    else if (this.#gate.byteLength > MAX_WAITING_BYTES) this.#pauseClient();
  }

  /** Idle: does what the client has asked for by now. */
  #advance(): void {
    for (let syncs = this.#gate.takeLoneSyncs(); syncs > 0; syncs--) {
      this.#client.write(readyForQuery(TransactionStatus.Idle));
    }
    if (this.#gate.hasTerminated) {
      this.#end({ kind: "clientGone" });
    } else if (this.#gate.isReady) {
      this.#state = "waiting";
      this.#lane.lease(this.#ticket);
    }
    if (this.#isTimed) this.#followTime();
  }

  /** The backend is as this session left its last one. */
  #begin(backend: PooledBackend): void {
    this.#state = "leased";
    this.#backend = backend;
    this.#watch.begin();
    this.#answers.startOver();
    this.#statements?.begin(backend.statements, this.#settings.analysisKey);
    if (this.#isClientStalled) backend.connection.pause();
    if (backend.parameters !== this.#told) this.#tell(backend);
    for (const piece of this.#gate.take()) {
      if (this.#state === "leased") this.#toServer(piece);
    }
    this.#resumeClient();
  }

  /** Nothing of the client runs before its settings are in force. */
  async #restore(backend: PooledBackend): Promise<void> {
    this.#state = "restoring";
    try {
      const refusal = await restoreSettings(backend, this.#settings);
      this.#guard(() => this.#restored(backend, refusal));
    } catch (thrown) {
      // Nothing of the unit was sent: it goes to another one.
      if (this.#state === "restoring" && ++this.#lostInVain < MAX_LOST_IN_VAIN) this.#leaseAgain();
      else this.#lostBetween(thrown);
    }
  }

  #leaseAgain(): void {
    this.#release("lost");
    this.#state = "waiting";
    this.#lane.lease(this.#ticket);
  }

  #restored(backend: PooledBackend, refusal: Notice | undefined): void {
    if (refusal !== undefined) {
      this.#release("broken");
      this.#failAsServer(refusal);
    } else if (this.#state === "restoring") {
      this.#lostInVain = 0;
      this.#begin(backend);
    } else {
      this.#giveBack();
    }
  }

  #toServer(bytes: Uint8Array): void {
    if (this.#cancellation !== undefined) {
      this.#cancellation.push(bytes);
      if (this.#cancellation.isFull) this.#pauseClient();
    } else {
      this.#requests.advance(bytes);
      this.#send();
    }
  }

  /** What the requests have become goes to the server. */
  #send(): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    const { connection } = slot.backend;
    const piece = this.#requests.takeOne();
    if (piece === undefined) for (const part of this.#requests.take()) connection.write(part);
    else connection.writeThrough(piece);
    if (this.#isTimed) this.#followTime();
    if (this.#requests.hasTerminated) this.#terminated();
    else if (this.ledger.owedReadyForQuery > this.#options.context.limits.maxPendingUnits) {
      this.#pauseClient();
    }
  }

  /** The goodbye is for us, not for the server; what is in front of it still counts. */
  #terminated(): void {
    if (this.isQueryRunning && !this.ledger.isCopying) this.#awaitLastAnswer();
    else this.#end({ kind: "clientGone" });
  }

  #fromServer(bytes: Uint8Array): void {
    const passed = this.#answers.advance(bytes);
    if (passed !== undefined) this.#client.writeThrough(passed);
    else for (const piece of this.#answers.takePieces()) this.#client.write(piece);
    if (this.#isTimed) this.#followTime();
    if (this.#cancellation !== undefined) this.#releaseHeld();
    if (this.#areClientReadsPaused) this.#resumeClient();
    if (this.#halfClosed !== undefined) this.#halfClosed.follow();
    if (this.#state === "leased" && this.ledger.isIdle) this.#answered();
  }

  /** All that was sent is answered: the lease may be over. */
  #answered(): void {
    const isBetweenMessages = this.#requests.isAtBoundary && this.#answers.isAtBoundary;
    if (this.#state !== "leased" || !this.ledger.isIdle || !isBetweenMessages) return;
    if (this.#halfClosed !== undefined) {
      this.#end({ kind: "clientGone" });
      return;
    }
    if (this.ledger.isInTransaction) {
      if (this.#options.mode === "statement") this.fail("ERR_TRANSACTION_REFUSED");
      return;
    }
    if (this.#cancellation !== undefined && this.#cancellation.state !== "over") return;
    // Session mode needs no knowledge: whatever is set is reset in the end.
    if (this.#watch.isTouched && this.#statements !== undefined) void this.#settle();
    else if (this.#pins.areNone) this.#release("clean");
    if (this.#isDraining) this.#leaveIfDraining();
  }

  /** Before anybody else gets the backend, what is set on it has to be known. */
  async #settle(): Promise<void> {
    const backend = this.#slot?.backend;
    if (backend === undefined) return;
    this.#state = "settling";
    try {
      const refusal = await readSettings(backend, this.#watch);
      this.#guard(() => this.#settled(backend, refusal));
    } catch (thrown) {
      this.#lostBetween(thrown);
    }
  }

  #settled(backend: PooledBackend, refusal: Notice | undefined): void {
    if (refusal !== undefined) {
      this.#release("broken");
      this.#failAsServer(refusal);
      return;
    }
    this.#settings = backend.settings;
    if (this.#state !== "settling") {
      this.#giveBack();
      return;
    }
    this.#told = backend.parameters;
    for (let syncs = this.#gate.takeLoneSyncs(); syncs > 0; syncs--) {
      this.#client.write(readyForQuery(TransactionStatus.Idle));
    }
    if (this.#gate.hasTerminated) {
      this.#state = "leased";
      this.#end({ kind: "clientGone" });
      return;
    }
    if (this.#gate.isReady || !this.#pins.areNone) {
      this.#begin(backend);
      return;
    }
    this.#release("clean");
    this.#advance();
    this.#leaveIfDraining();
  }

  reported(name: string, value: string): void {
    const backend = this.#backend;
    if (backend === undefined) return;
    backend.report(name, value);
    // The client has just been told, by the server itself.
    this.#told = backend.parameters;
    this.#watch.touch();
  }

  completed(): boolean {
    return this.#statements?.completed() === true;
  }

  refused(place: number, message: Uint8Array | undefined): Uint8Array | undefined {
    const answer =
      this.#statements === undefined ? message : this.#statements.refused(place, message);
    if (answer === undefined || !this.ledger.isIdle) return answer;
    // Nobody has asked: the server says goodbye to a session that may go on at another one.
    const isLetGo = this.#pins.areNone && !this.ledger.isInTransaction;
    return isLetGo && isFatal(answer) ? undefined : answer;
  }

  /** What waits for a backend is answered instead of sent. */
  #cancelWaiting(): void {
    this.#ticket.withdraw();
    this.#client.write(errorResponseFor("ERR_CANCELED", "ERROR"));
    if (this.#gate.giveUp()) this.#client.write(readyForQuery(TransactionStatus.Idle));
    this.#state = "idle";
    this.#advance();
    this.#resumeClient();
  }

  /** Another backend may report something else than the one before. */
  #tell(backend: PooledBackend): void {
    const difference = parameterDifference(this.#told, backend.parameters);
    this.#told = backend.parameters;
    if (difference.length > 0) this.#client.write(difference);
  }

  #release(outcome: LeaseOutcome): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    this.#slot = undefined;
    if (this.#state !== "over") this.#state = "idle";
    slot.backend.connection.resume();
    this.#resumeClient();
    slot.release(outcome);
  }

  /** After the end: the backend is made fit for the next session, if it can be. */
  #giveBack(): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    this.#slot = undefined;
    const { mode, resetQuery, block, context } = this.#options;
    const cancellation = this.#cancellation;
    const isDirty = mode === "session" || !this.#pins.areNone || this.#watch.isTouched;
    // A request that is under way would hit whoever comes next; and half a message cannot be taken back.
    const isCancelling = cancellation !== undefined && cancellation.state !== "over";
    if (this.#isOutOfStep || isCancelling || !this.#requests.isServerAtBoundary) {
      slot.backend.connection.resume();
      slot.release("broken");
    } else if (this.ledger.isIdle && !this.ledger.isInTransaction && !isDirty) {
      slot.backend.connection.resume();
      slot.release("clean");
    } else {
      const { ledger } = this;
      const answers = this.#answers;
      const cancel = (): Promise<void> => forwardCancel(slot.backend, block, context);
      const { timers } = context;
      void new Aftermath({ slot, ledger, answers, cancel, isDirty, resetQuery, timers });
    }
  }

  /** The backend was lost while the gateway itself asked it something. */
  #lostBetween(thrown: unknown): void {
    this.#release("lost");
    this.#violated(thrown);
  }

  #serverGone(): void {
    if (this.#state === "over") return;
    this.#release("lost");
    if (this.#halfClosed !== undefined) this.#end({ kind: "clientGone" });
    else if (this.#answers.endedWithError && this.#answers.isAtBoundary) {
      this.#end({ kind: "serverClosed" });
    } else this.fail("ERR_SERVER_LOST");
  }

  #awaitLastAnswer(): void {
    const { timers } = this.#options.context;
    this.#halfClosed ??= new HalfClosedLimit(this, timers, () => this.#end({ kind: "clientGone" }));
  }

  #leaveIfDraining(): void {
    if (!this.#isDraining || this.#state === "over") return;
    const isQuiet = this.#state === "idle" || (this.#state === "leased" && this.ledger.isIdle);
    if (!isQuiet || this.isReceiving || this.ledger.isInTransaction) return;
    this.fail("ERR_SHUTTING_DOWN");
  }

  #violated(thrown: unknown): void {
    const error = GatewayError.from(thrown);
    this.#isOutOfStep = true;
    this.fail(error.code, error.message);
  }

  /** The server refuses what this session cannot go on without. */
  #failAsServer({ code, message }: Notice): void {
    if (this.#state === "over") return;
    this.#client.write(errorResponse({ severity: "FATAL", sqlState: code, message }));
    this.#end({ kind: "failed", code: "ERR_SETTINGS_LOST", detail: message });
  }

  #expired(phase: LimitedPhase): void {
    if (phase === "query") void this.cancel();
    else this.fail(EXPIRED[phase]);
  }

  #followTime(): void {
    if (this.#state === "over") return;
    this.#phase.follow();
    this.#isTimed = this.#phase.isTimed;
  }

  #releaseHeld(): void {
    const cancellation = this.#cancellation;
    if (cancellation === undefined) return;
    cancellation.release();
    if (cancellation.isHolding) return;
    if (cancellation.isDone) this.#cancellation = undefined;
    this.#resumeClient();
  }

  #newCancellation(isOneByOne: boolean): Cancellation {
    return new Cancellation(
      {
        ledger: this.ledger,
        clientStream: this.#requests,
        sendRequest: () => this.#sendCancelRequest(),
        toServer: () => this.#send(),
      },
      isOneByOne,
    );
  }

  async #sendCancelRequest(): Promise<void> {
    const { block, context } = this.#options;
    if (this.#slot !== undefined) await forwardCancel(this.#slot.backend, block, context);
  }

  /** It is over, once: whoever owns it closes the client; the backend is cleaned for the next one. */
  #end(end: RelayEnd): void {
    if (this.#state === "over") return;
    const wasBusy = this.#state === "restoring" || this.#state === "settling";
    this.#state = "over";
    this.#ticket.withdraw();
    this.#phase.dispose();
    this.#halfClosed?.dispose();
    const { context, cancelKey, onEnd } = this.#options;
    context.cancelKeys.remove(cancelKey, this);
    // What is under way between gateway and server gives it back by itself.
    if (!wasBusy) this.#giveBack();
    onEnd(end);
  }

  #pauseClient(): void {
    if (this.#areClientReadsPaused) return;
    this.#areClientReadsPaused = true;
    this.#client.pause();
  }

  /** Unless there still is a reason against it. */
  #resumeClient(): void {
    if (!this.#areClientReadsPaused) return;
    if (this.#gate.byteLength > MAX_WAITING_BYTES || this.#cancellation?.isFull === true) return;
    const { maxPendingUnits } = this.#options.context.limits;
    if (this.ledger.owedReadyForQuery > maxPendingUnits / 2) return;
    if ((this.#slot?.backend.connection.backlogBytes ?? 0) > 0) return;
    this.#areClientReadsPaused = false;
    this.#client.resume();
  }

  #clientStalled(): void {
    this.#isClientStalled = true;
    if (this.#state === "leased") this.#slot?.backend.connection.pause();
    this.#pauseChanged();
  }

  #clientDrained(): void {
    this.#isClientStalled = false;
    this.#slot?.backend.connection.resume();
    this.#pauseChanged();
  }

  #pauseChanged(): void {
    if (this.#isTimed) this.#followTime();
    this.#halfClosed?.follow();
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#violated(thrown);
    }
  }
}

/** The last words of a server to this connection. */
function isFatal(message: Uint8Array): boolean {
  const { severity } = readErrorResponse(message);
  return severity === "FATAL" || severity === "PANIC";
}
