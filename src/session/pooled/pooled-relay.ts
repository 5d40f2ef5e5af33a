/**
 * A logged-in client of a pooled mode, which has a server only while it needs one.
 *
 * Without a server, what the client sends is collected in a {@link UnitGate} until that is worth one;
 * {@link ServerHold} gets it, and has the states. While the server is held, what the client sends goes
 * through a {@link RequestStream} to it, and its answers through an {@link AnswerStream} to the client.
 */
import type { PooledBackend } from "../../backend/index.ts";
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { Connection } from "../../net/index.ts";
import {
  AnswerLedger,
  TransactionStatus,
  UnitGate,
  errorResponseFor,
  fatalResponse,
  readyForQuery,
} from "../../postgres/index.ts";
import type { Notice } from "../../postgres/index.ts";
import type { Cancellable } from "../cancel-keys.ts";
import { Cancellation } from "../cancellation.ts";
import { forwardCancel } from "../forward-cancel.ts";
import { HalfClosedLimit } from "../half-closed-limit.ts";
import type { HalfClosedTraffic } from "../half-closed-limit.ts";
import type { RelayEnd } from "../relay.ts";
import { UnitPass } from "../multiplexing/index.ts";
import { EXPIRED, SessionPhase } from "../session-phase.ts";
import type { LimitedPhase, PhaseTraffic } from "../session-phase.ts";
import { AnswerStream } from "./answer-stream.ts";
import { ClientSide } from "./client-side.ts";
import type { ClientSideOwner } from "./client-side.ts";
import type { PooledRelayOptions } from "./pooled-relay-options.ts";
import { RequestStream } from "./request-stream.ts";
import { ServerHold } from "./server-hold.ts";
import type { HoldOwner, Leavings } from "./server-hold.ts";
import { SessionAnswers } from "./session-answers.ts";
import { SessionState } from "./session-state.ts";
import { syncMessage } from "./statement-messages.ts";
import { waitNotice } from "./wait-notice.ts";

/** A client that waits may have sent this much; then it is not read from any more. */
const MAX_WAITING_BYTES = 64 * 1024;

export class PooledRelay
  implements ClientSideOwner, HoldOwner, Cancellable, PhaseTraffic, HalfClosedTraffic
{
  // First what each piece of traffic needs, side by side in memory.
  #client: Connection;
  readonly #hold: ServerHold;
  readonly ledger = new AnswerLedger();
  readonly #requests: RequestStream;
  readonly #answers: AnswerStream;
  readonly #read: SessionAnswers;
  readonly #gate: UnitGate;
  readonly #session: SessionState;
  /** Undefined without multiplexing. */
  readonly #pass: UnitPass | undefined;
  /** The unit that rides, which may have to be sent again. */
  #unit: Uint8Array | undefined;
  /** The one that was leased last. */
  #backend: PooledBackend | undefined;
  #isTimed = true;
  /** The server may have a part of a message whose rest it will not get. */
  #isOutOfStep = false;
  #cancellation: Cancellation | undefined;
  #isDraining = false;
  readonly #side: ClientSide;
  /** The client does not take what it is sent: its server is not read from. */
  isClientStalled = false;
  #halfClosed: HalfClosedLimit | undefined;
  readonly #options: PooledRelayOptions;
  readonly #phase: SessionPhase;
  constructor(options: PooledRelayOptions) {
    const { client, context, facts, lane, mode, settings, parameters, pins, cancelKey } = options;
    const { limits, timers } = context;
    this.#client = client;
    this.#options = options;
    // The login is over, and the gateway has said so.
    this.ledger.readyForQuery(TransactionStatus.Idle);
    const { statements: catalog, multiplexing } = options;
    const { ledger } = this;
    this.#session = new SessionState({ mode, ledger, catalog, settings, parameters, pins, facts });
    if (multiplexing !== undefined) {
      this.#pass = new UnitPass(this.#session, (now) => multiplexing.scope(lane, now));
    }
    this.#hold = new ServerHold(this, this.#session, lane, multiplexing);
    this.#requests = new RequestStream(ledger, limits.maxMessageBytes, this.#session.policy);
    this.#read = new SessionAnswers(client, ledger, this.#session, multiplexing !== undefined);
    this.#answers = new AnswerStream(ledger, this.#session.due, this.#read);
    this.#side = new ClientSide(this, options, this.#hold, this.#answers, this.#read);
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

  /** What the client sends goes to the server as it comes. */
  get #isHolding(): boolean {
    return this.#hold.state === "held";
  }

  /** What the client has sent goes to the server together with what others have. */
  get #isRiding(): boolean {
    return this.#hold.state === "riding";
  }

  get #isOver(): boolean {
    return this.#hold.state === "over";
  }

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  get isReceiving(): boolean {
    if (!this.#side.isQuiet) return true;
    return this.#isHolding ? !this.#requests.isAtBoundary : !this.#gate.isEmpty;
  }

  get isHandling(): boolean {
    if (this.#side.isHandling) return true;
    if (this.#hold.state === "none") return false;
    if (this.#isRiding) return false;
    return !this.#isHolding || this.#cancellation?.isHolding === true;
  }

  get isServerPaused(): boolean {
    return this.isClientStalled && (this.#isHolding || this.#isRiding);
  }

  get isKeepingServer(): boolean {
    return this.#isHolding && !this.#requests.isAtBoundary;
  }

  get isQueryRunning(): boolean {
    return (this.#isHolding || this.#isRiding) && !this.ledger.isAnswered;
  }

  get hasTerminated(): boolean {
    return this.#requests.hasTerminated;
  }

  drain(): void {
    this.#isDraining = true;
    this.#leaveIfDraining();
  }

  fail(code: ErrorCode, detail?: string): void {
    if (code === "ERR_SHUTTING_DOWN") this.#side.giveUp();
    if (this.#isOver) return;
    if (this.#answers.isClientAtBoundary) this.#client.write(errorResponseFor(code, "FATAL"));
    this.#end({ kind: "failed", code, ...(detail !== undefined && { detail }) });
  }

  async cancel(): Promise<void> {
    if (this.#isRiding) return this.#cancelRide();
    if (this.#hold.state === "waiting") return this.#cancelWaiting();
    if (!this.isQueryRunning) return;
    this.#cancellation ??= this.#newCancellation(false);
    await this.#cancellation.request();
    this.#guard(() => {
      if (!this.#isHolding) return;
      this.#releaseHeld();
      this.#answered();
    });
  }

  onData(bytes: Uint8Array, from: Connection): void {
    if (this.#side.isUnseen && this.#side.hook(bytes, from)) return;
    try {
      if (from === this.#client) this.#fromClient(bytes);
      else this.#fromServer(bytes);
    } catch (thrown) {
      this.#violated(thrown);
    }
  }

  reach(client: Connection): void {
    this.#client = client;
    this.#read.reach(client);
  }

  hooksMoved(): void {
    if (this.#isTimed) this.#followTime();
    if (this.#isDraining) this.#leaveIfDraining();
  }

  onStall(at: Connection): void {
    if (at === this.#client) this.#clientTakes(false);
    else this.#side.pause();
  }

  onDrain(at: Connection): void {
    if (at === this.#client) this.#clientTakes(true);
    else this.#side.resume();
  }

  onEnd(of: Connection): void {
    if (of !== this.#client) this.#serverEnded(of);
    else if (this.#isAnswerDue) this.#awaitLastAnswer();
    else this.#end({ kind: "clientGone" });
  }

  onClose(_error: Error | undefined, connection: Connection): void {
    if (this.#isOver) return;
    if (connection === this.#client) this.#end({ kind: "clientGone" });
    else this.#serverEnded(connection);
  }

  onLongWait(waitedMs: number): void {
    this.#client.write(waitNotice(waitedMs));
  }

  /** The backend is as this session left its last one. */
  onHold(backend: PooledBackend): void {
    this.#backend = backend;
    this.#read.begin(backend);
    this.#answers.startOver();
    if (this.isClientStalled) this.#hold.stall();
    const news = this.#session.begin(backend);
    if (news !== undefined) this.#client.write(news);
    try {
      if (this.#isRiding) this.#sendUnit();
      else if (this.#unit !== undefined) this.#sendAgain(this.#unit);
      else this.#sendHeld();
    } catch (thrown) {
      this.#violated(thrown);
    }
    this.#hearMore();
  }

  /** One unit, which is all that shares the backend. */
  #sendUnit(): void {
    this.#unit ??= this.#gate.takeOne();
    this.#read.unit = this.#unit;
    if (this.#unit !== undefined) this.#requests.advance(this.#unit);
    this.#send();
  }

  /** It could not stay where it was sent first, or has failed by no fault of the client; the rest follows. */
  #sendAgain(unit: Uint8Array): void {
    this.#unit = undefined;
    this.#toServer(unit);
    if (!this.#isHolding) return;
    for (let syncs = this.#gate.takeLoneSyncs(); syncs > 0; syncs--) this.#fromClient(syncMessage);
    for (const part of this.#gate.take()) this.#fromClient(part);
  }

  #sendHeld(): void {
    const piece = this.#gate.takeOne();
    this.#read.unit = piece;
    if (piece !== undefined) this.#toServer(piece);
    else for (const part of this.#gate.take()) if (this.#isHolding) this.#toServer(part);
  }

  #hearMore(): void {
    if (this.#side.isPaused) this.#side.resume();
    this.#halfClosed?.follow();
  }

  onSettled(backend: PooledBackend): void {
    this.#guard(() => {
      this.#read.tellReady();
      this.#answerLoneSyncs();
      const isLeaving = this.#gate.hasTerminated || this.#halfClosed !== undefined;
      if (isLeaving && !this.#gate.isReady) this.#end({ kind: "clientGone" });
      else if (this.ledger.isInTransaction) {
        this.#sendHeld();
        this.#hearMore();
      } else if (this.#gate.isReady || this.#session.isTied) this.onHold(backend);
      else this.#letGo();
    });
  }

  onSettingsRefused(notice: Notice): void {
    if (this.#isOver) return;
    this.#client.write(fatalResponse(notice));
    this.#end({ kind: "failed", code: "ERR_SETTINGS_LOST", detail: notice.message });
  }

  onHoldFailed(thrown: unknown): void {
    const error = GatewayError.from(thrown);
    this.fail(error.code, error.message);
  }

  onHead(): void {
    if (this.#isTimed) this.#phase.restart();
  }

  onArrived(): void {
    this.#unit = undefined;
    if (this.#answers.isDropping) {
      // The server did not know a statement that it should have: now it gets it first.
      this.#answers.startOver();
      this.#unit = this.#read.takeUnit();
      this.#hold.request();
      return;
    }
    this.#read.unit = undefined;
    if (this.#halfClosed !== undefined) return this.#end({ kind: "clientGone" });
    if (this.#side.isPaused) this.#side.resume();
    this.#advance();
    if (this.#isDraining) this.#leaveIfDraining();
  }

  onStranded(): void {
    this.ledger.forget();
    this.#answers.startOver();
    if (this.#isTimed) this.#followTime();
  }

  onRideLost(farewell: Uint8Array | undefined): void {
    if (farewell === undefined) return this.#serverGone();
    this.#client.write(farewell);
    this.#end({ kind: "serverClosed" });
  }

  #fromClient(bytes: Uint8Array): void {
    const { state } = this.#hold;
    if (state === "held" && !this.#answers.isDropping) {
      this.#read.unit = undefined;
      this.#toServer(bytes);
      return;
    }
    this.#gate.push(bytes);
    if (state === "none") {
      this.#advance();
      return;
    }
    // What came behind a unit that rides or goes elsewhere has its turn after that.
    if (state === "waiting" && this.#unit === undefined) this.#hold.forgoPass();
    if (this.#gate.byteLength > MAX_WAITING_BYTES) this.#side.pause();
  }

  /** Idle: does what the client has asked for by now. */
  #advance(): void {
    this.#answerLoneSyncs();
    if (this.#gate.hasTerminated) {
      this.#end({ kind: "clientGone" });
    } else if (this.#gate.isReady) {
      this.#hold.request(this.#mayRide() ? this.#pass : undefined);
    }
    if (this.#isTimed) this.#followTime();
  }

  /** All that there is to send is a unit that may share a backend. */
  #mayRide(): boolean {
    const pass = this.#pass;
    if (pass === undefined || this.isClientStalled || this.#halfClosed !== undefined) return false;
    const unit = this.#gate.onePiece;
    return unit !== undefined && pass.admits(unit);
  }

  #answerLoneSyncs(): void {
    for (let syncs = this.#gate.takeLoneSyncs(); syncs > 0; syncs--) {
      this.#client.write(readyForQuery(this.ledger.transactionStatus));
    }
  }

  #toServer(bytes: Uint8Array): void {
    if (this.#cancellation !== undefined) {
      this.#cancellation.push(bytes);
      if (this.#cancellation.isFull) this.#side.pause();
    } else {
      this.#requests.advance(bytes);
      this.#send();
    }
  }

  /** What the requests have become goes to the server. */
  #send(): void {
    const { backend } = this.#hold;
    if (backend === undefined) return;
    if (this.#read.owesReady) this.#read.tellReady();
    const piece = this.#requests.takeOne();
    if (piece !== undefined) this.#hold.write(piece);
    else for (const part of this.#requests.take()) this.#hold.write(part);
    if (this.#isTimed) this.#followTime();
    if (this.#requests.hasTerminated) this.#terminated();
    else if (this.ledger.owedReadyForQuery > this.#options.context.limits.maxPendingUnits) {
      this.#side.pause();
    }
  }

  /** The goodbye is for us, not for the server; what is in front of it still counts. */
  #terminated(): void {
    if (this.#isHolding && this.ledger.owesAnswer) this.#awaitLastAnswer();
    else this.#end({ kind: "clientGone" });
  }

  #fromServer(bytes: Uint8Array): void {
    const passed = this.#answers.advance(bytes);
    if (passed !== undefined) this.#client.writeThrough(passed);
    else for (const piece of this.#answers.takePieces()) this.#client.write(piece);
    if (this.#answers.isDropping && this.ledger.isIdle && !this.#isRiding) {
      this.#answers.startOver();
      this.#sendAgain(this.#read.takeUnit());
    }
    if (this.#isTimed) this.#followTime();
    if (this.#cancellation !== undefined) this.#releaseHeld();
    if (this.#side.isPaused) this.#side.resume();
    if (this.#halfClosed !== undefined) this.#answeredHalfClosed(this.#halfClosed);
    if (this.ledger.isIdle) this.#answered();
  }

  /** The Sync of a batch that is still open will not come any more. */
  #answeredHalfClosed(limit: HalfClosedLimit): void {
    if (this.ledger.owesAnswer || !this.#answers.isAtBoundary || this.#answers.isDropping) {
      limit.follow();
      return;
    }
    if (this.#read.owesReady) this.#read.tellReady();
    this.#end({ kind: "clientGone" });
  }

  /** All that was sent is answered: the lease may be over. */
  #answered(): void {
    const isBetweenMessages = this.#requests.isAtBoundary && this.#answers.isAtBoundary;
    if (!this.#isHolding || !this.ledger.isIdle || !isBetweenMessages) return;
    if (this.ledger.isInTransaction) {
      if (this.#read.owesReady) void this.#hold.settle(true);
      else if (this.#options.mode === "statement") this.fail("ERR_TRANSACTION_REFUSED");
      return;
    }
    // Others are not to go by what was true before.
    if (this.#pass !== undefined && this.#read.takeDefined()) this.#pass.definitionsChanged();
    if (this.#cancellation !== undefined && this.#cancellation.state !== "over") return;
    if (this.#session.isUnsettled) void this.#hold.settle(false);
    else if (!this.#session.isTied) this.#letGo();
    else if (this.#isDraining) this.#leaveIfDraining();
  }

  /** The lease is over; what the client has sent meanwhile asks for another one. */
  #letGo(): void {
    this.#read.unit = undefined;
    this.#hold.release("clean");
    if (this.#side.isPaused) this.#side.resume();
    if (!this.#gate.isEmpty) this.#advance();
    if (this.#isDraining) this.#leaveIfDraining();
  }

  /** What waits for a backend is answered instead of sent. */
  #cancelWaiting(): void {
    this.#hold.withdraw();
    this.#client.write(errorResponseFor("ERR_CANCELED", "ERROR"));
    const isWhole = this.#unit !== undefined || this.#gate.giveUp();
    this.#unit = undefined;
    if (isWhole) this.#client.write(readyForQuery(TransactionStatus.Idle));
    this.#advance();
    this.#side.resume();
    this.#leaveIfDraining();
  }

  /** The server is told if that can hit nobody else; else the unit is answered here. */
  #cancelRide(): void {
    if (this.#hold.cancelRide() || !this.#answers.isAtBoundary) return;
    this.#hold.leaveRide();
    this.ledger.forget();
    this.#answers.startOver();
    this.#client.write(errorResponseFor("ERR_CANCELED", "ERROR"));
    this.#client.write(readyForQuery(TransactionStatus.Idle));
    this.onArrived();
  }

  /** What is lost while the gateway itself asks the server something, the hold hears of. */
  #serverEnded(connection: Connection): void {
    if (this.#isHolding && this.#hold.backend?.connection === connection) this.#serverGone();
    else connection.terminate();
  }

  #serverGone(): void {
    this.#hold.release("lost");
    if (this.#halfClosed !== undefined) this.#end({ kind: "clientGone" });
    else if (this.#answers.endedWithError && this.#answers.isAtBoundary) {
      this.#end({ kind: "serverClosed" });
    } else this.fail("ERR_SERVER_LOST");
  }

  /** A client that has ended its side may still wait for it: not in the queue, though. */
  get #isAnswerDue(): boolean {
    const { state } = this.#hold;
    if (state === "held" || state === "riding") return this.ledger.owesAnswer;
    // There is something to tell it when its settings are known.
    const isUnheard = this.#read.owesReady || this.#gate.isReady;
    return state === "restoring" || (state === "settling" && isUnheard);
  }

  #awaitLastAnswer(): void {
    const { timers } = this.#options.context;
    this.#halfClosed ??= new HalfClosedLimit(this, timers, () => this.#end({ kind: "clientGone" }));
  }

  #leaveIfDraining(): void {
    if (!this.#isDraining || this.#isOver) return;
    const isQuiet = this.#hold.state === "none" || (this.#isHolding && this.ledger.isIdle);
    if (!isQuiet || this.isReceiving || this.ledger.isInTransaction) return;
    this.fail("ERR_SHUTTING_DOWN");
  }

  #violated(thrown: unknown): void {
    const error = GatewayError.from(thrown);
    this.#isOutOfStep = true;
    this.fail(error.code, error.message);
  }

  #expired(phase: LimitedPhase): void {
    if (phase !== "query") this.fail(EXPIRED[phase]);
    else if (this.#isRiding && !this.#hold.isHead) this.#phase.restart();
    else void this.cancel();
  }

  #followTime(): void {
    if (this.#isOver) return;
    this.#phase.follow();
    this.#isTimed = this.#phase.isTimed;
  }

  #releaseHeld(): void {
    const cancellation = this.#cancellation;
    if (cancellation === undefined) return;
    cancellation.release();
    if (cancellation.isHolding) return;
    if (cancellation.isDone) this.#cancellation = undefined;
    this.#side.resume();
  }

  #newCancellation(isOneByOne: boolean): Cancellation {
    const { block, context } = this.#options;
    return new Cancellation(
      {
        ledger: this.ledger,
        clientStream: this.#requests,
        sendRequest: () => forwardCancel(this.#hold.backend, block, context),
        toServer: () => this.#send(),
      },
      isOneByOne,
    );
  }

  /** It is over, once: whoever owns it closes the client; the backend is cleaned for the next one. */
  #end(end: RelayEnd): void {
    if (this.#isOver) return;
    const leavings = this.#leavings();
    if (this.#pass !== undefined && this.#read.takeDefined()) this.#pass.definitionsChanged();
    this.#phase.dispose();
    this.#halfClosed?.dispose();
    const { context, cancelKey, onEnd } = this.#options;
    context.cancelKeys.remove(cancelKey, this);
    this.#hold.end(leavings);
    this.#side.finish(() => onEnd(end));
  }

  /** Undefined when nobody else can use the backend. */
  #leavings(): Leavings | undefined {
    const cancellation = this.#cancellation;
    // A request that is under way would hit whoever comes next; and half a message cannot be taken back.
    const isCancelling = cancellation !== undefined && cancellation.state !== "over";
    if (this.#isOutOfStep || isCancelling || !this.#requests.isServerAtBoundary) return undefined;
    const { resetQuery, block, context } = this.#options;
    return {
      ledger: this.ledger,
      answers: this.#answers,
      cancel: () => forwardCancel(this.#backend, block, context),
      resetQuery,
      timers: context.timers,
    };
  }

  /** What the client sent waits, and there is enough of it. */
  get isBehind(): boolean {
    const { maxPendingUnits } = this.#options.context.limits;
    if (this.ledger.owedReadyForQuery > maxPendingUnits / 2) return true;
    if (this.#gate.byteLength > MAX_WAITING_BYTES || this.#cancellation?.isFull) return true;
    return (this.#hold.backend?.connection.backlogBytes ?? 0) > 0;
  }

  #clientTakes(isTaking: boolean): void {
    this.isClientStalled = !isTaking;
    if (isTaking) this.#hold.backend?.connection.resume();
    else if (this.#isHolding || this.#isRiding) this.#hold.stall();
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
