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
import type { AnswerLedger, Notice, UnitGate } from "../../postgres/index.ts";
import { connectionFields } from "../../watch/index.ts";
import type { ConnectionFields } from "../../watch/index.ts";
import { MAX_WAITING_BYTES } from "../max-waiting-bytes.ts";
import type { RelayEnd, SessionActivity } from "../relay.ts";
import type { UnitReport } from "../unit-report.ts";
import type { UnitPass } from "../multiplexing/index.ts";
import { EXPIRED, type LimitedPhase, type PhaseTraffic, SessionPhase } from "../session-phase.ts";
import { activityOf } from "./activity-of.ts";
import type { AnswerStream } from "./answer-stream.ts";
import type { ClientSide, ClientSideOwner } from "./client-side.ts";
import { holdingOf } from "./holding-of.ts";
import { leavingsOf } from "./leavings-of.ts";
import type { PooledRelayOptions, SessionAtRest } from "./pooled-relay-options.ts";
import { makeRelayParts } from "./relay-parts.ts";
import type { RelayParts } from "./relay-parts.ts";
import type { RequestStream } from "./request-stream.ts";
import { restOf } from "./rest-of.ts";
import type { HoldOwner, ServerHold } from "./server-hold.ts";
import type { SessionAnswers } from "./session-answers.ts";
import { SessionEnding } from "./session-ending.ts";
import type { EndingOwner } from "./session-ending.ts";
import type { SessionState } from "./session-state.ts";
import { syncMessage } from "./statement-messages.ts";
import { UnitCancelling } from "./unit-cancelling.ts";
import type { CancellingOwner } from "./unit-cancelling.ts";
import { waitNotice } from "./wait-notice.ts";

export class PooledRelay
  implements ClientSideOwner, HoldOwner, CancellingOwner, EndingOwner, PhaseTraffic
{
  // First what each piece of traffic needs, side by side in memory: parts, most of it.
  #client: Connection;
  readonly #hold: ServerHold;
  readonly ledger: AnswerLedger;
  readonly #requests: RequestStream;
  readonly #answers: AnswerStream;
  readonly #read: SessionAnswers;
  readonly #gate: UnitGate;
  readonly #session: SessionState;
  readonly #report: UnitReport | undefined;
  readonly #pass: UnitPass | undefined;
  /** The unit that rides, which may have to be sent again. */
  #unit: Uint8Array | undefined;
  /** The one that was leased last. */
  #backend: PooledBackend | undefined;
  /** While a request to cancel is under way, or may come of a time limit. */
  #cancelling: UnitCancelling | undefined;
  readonly #side: ClientSide;
  /** The client does not take what it is sent: its server is not read from. */
  isClientStalled = false;
  /** Once the session cannot go on. */
  #ending: SessionEnding | undefined;
  readonly #options: PooledRelayOptions;
  readonly #parts: RelayParts;
  /** Undefined where no time is limited. */
  #phase: SessionPhase | undefined;

  constructor(options: PooledRelayOptions) {
    const parts = makeRelayParts(this, options);
    this.#parts = parts;
    this.#options = options;
    this.#client = options.client;
    this.#hold = parts.hold;
    this.ledger = parts.ledger;
    this.#requests = parts.requests;
    this.#answers = parts.answers;
    this.#read = parts.read;
    this.#gate = parts.gate;
    this.#session = parts.session;
    this.#report = parts.report;
    this.#pass = parts.pass;
    this.#side = parts.side;
    this.#limitTime(options.idleUntilMs);
  }

  #limitTime(idleUntilMs?: number): void {
    const { context } = this.#options;
    const onExpire = (phase: LimitedPhase): void => this.#expired(phase);
    this.#phase ??= SessionPhase.ifNeeded(this, context, context.timers, onExpire, idleUntilMs);
    if (context.limits.queryTimeoutMs > 0)
      this.#cancelling ??= new UnitCancelling(this, this.#parts, true);
  }

  /** Time limits hold at once; whatever else has changed, when the session is at rest. */
  settingsChanged(isBlockGone: boolean): void {
    this.#limitTime();
    this.#phase?.limitsChanged();
    if (isBlockGone && this.#hold.isTied) this.drain("ERR_BLOCK_REMOVED");
  }

  /** Hears the client from now on. */
  start(): void {
    this.#client.handler = this;
  }

  /** Lets go of the client if nothing is under way; else undefined. Nobody needs this relay any more then. */
  rest(): SessionAtRest | undefined {
    const isStuck = this.#ending !== undefined || this.isClientStalled;
    const isAsking = this.#unit !== undefined || this.#cancelling?.isUnderWay === true;
    if (isStuck || isAsking || this.#phase?.isIdle === false) return undefined;
    const left = restOf(this.#parts, this.#phase?.untilMs);
    if (left !== undefined) this.#phase?.dispose();
    return left;
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

  get logFields(): ConnectionFields {
    const { facts, context } = this.#options;
    return connectionFields(facts, context.traceIdOf);
  }

  get isReceiving(): boolean {
    if (!this.#side.isQuiet) return true;
    return this.#isHolding ? !this.#requests.isAtBoundary : !this.#gate.isEmpty;
  }

  get isHandling(): boolean {
    if (this.#side.isHandling) return true;
    if (this.#hold.state === "none" || this.#isRiding) return false;
    return !this.#isHolding || this.#cancelling?.isHolding === true;
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

  get activity(): SessionActivity {
    return activityOf(this.#hold.state, !this.#gate.isEmpty, this.isQueryRunning);
  }

  get holding(): ReturnType<typeof holdingOf> {
    return holdingOf(this.#parts);
  }

  get hasTerminated(): boolean {
    return this.#requests.hasTerminated;
  }

  drain(code: ErrorCode): void {
    this.#endingInSight.drain(code);
  }

  fail(code: ErrorCode, detail?: string): void {
    this.#endingInSight.fail(code, detail);
  }

  /** Resolves when the server was told, if it had to be. Never rejects. */
  async cancel(): Promise<void> {
    await (this.#cancelling ?? new UnitCancelling(this, this.#parts, false)).cancel();
  }

  /** Heard from a {@link UnitCancelling}, from here to `cancelled`. */
  holdBack(cancelling: UnitCancelling): void {
    this.#cancelling = cancelling;
  }

  dropUnit(): boolean {
    const isWhole = this.#unit !== undefined || this.#gate.giveUp();
    this.#unit = undefined;
    return isWhole;
  }

  goOn(): void {
    this.#advance();
    this.#side.resume();
    this.#ending?.leaveIfDraining();
  }

  cancelled(): void {
    this.#guard(() => {
      if (!this.#isHolding) return;
      this.#releaseHeld();
      this.#answered();
    });
  }

  onData(bytes: Uint8Array, from: Connection): void {
    if (this.#side.isUnseen && this.#side.hook(bytes, from)) return;
    if (from !== this.#client) return this.onAnswer(bytes, 0, bytes.length);
    try {
      this.#fromClient(bytes);
    } catch (thrown) {
      this.#violated(thrown);
    }
  }

  onAnswer(bytes: Uint8Array, from: number, to: number): void {
    try {
      this.#fromServer(bytes, from, to);
    } catch (thrown) {
      this.#violated(thrown);
    }
  }

  reach(client: Connection): void {
    this.#client = client;
    this.#read.reach(client);
  }

  hooksMoved(): void {
    this.#followTime();
    this.#ending?.leaveIfDraining();
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
    else this.#endingInSight.clientEnded();
  }

  onClose(_error: Error | undefined, connection: Connection): void {
    if (this.#isOver) return;
    if (connection === this.#client) this.end({ kind: "clientGone" });
    else this.#serverEnded(connection);
  }

  onLongWait(waitedMs: number): void {
    this.#client.write(waitNotice(waitedMs));
  }

  /** The backend is as this session left its last one. */
  onHold(backend: PooledBackend): void {
    this.#backend = backend;
    this.#report?.gets(backend.connection, this.#hold);
    this.#read.begin(backend);
    this.#answers.startOver();
    if (this.isClientStalled) this.#hold.stall();
    const news = this.#session.begin(backend, this.#isRiding);
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
    this.send();
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
    this.#ending?.follow();
  }

  onSettled(backend: PooledBackend): void {
    this.#guard(() => {
      this.#read.tellReady();
      this.#read.answerSyncs(this.#gate.takeLoneSyncs());
      const isLeaving = this.#gate.hasTerminated || this.#isHalfClosed;
      if (isLeaving && !this.#gate.isReady) this.end({ kind: "clientGone" });
      else if (this.ledger.isInTransaction) {
        this.#sendHeld();
        this.#hearMore();
      } else if (this.#gate.isReady || this.#session.isTied) this.onHold(backend);
      else this.#letGo();
    });
  }

  onSettingsRefused(notice: Notice): void {
    if (!this.#isOver) this.#endingInSight.settingsRefused(notice);
  }

  onHoldFailed(thrown: unknown): void {
    const error = GatewayError.from(thrown);
    this.#report?.getsNone(error.code);
    this.fail(error.code, error.message);
  }

  onHead(): void {
    this.#phase?.restart();
  }

  onArrived(): void {
    this.#unit = undefined;
    if (this.#answers.isDropping) {
      // The server did not know a statement that it should have: now it gets it first.
      this.#answers.startOver();
      this.#unit = this.#read.takeUnit();
      this.#report?.asksAgain();
      this.#hold.request();
      return;
    }
    this.#read.unit = undefined;
    if (this.#isHalfClosed) return this.end({ kind: "clientGone" });
    if (this.#side.isPaused) this.#side.resume();
    this.#advance();
    this.#ending?.leaveIfDraining();
  }

  onStranded(): void {
    this.ledger.forget();
    this.#report?.asksAgain();
    this.#answers.startOver();
    this.#followTime();
  }

  onRideLost(farewell: Uint8Array | undefined): void {
    this.#endingInSight.rideLost(farewell);
  }

  #fromClient(bytes: Uint8Array): void {
    const { state } = this.#hold;
    if (state === "held" && !this.#answers.isDropping) {
      this.#read.unit = undefined;
      this.#toServer(bytes);
      return;
    }
    if (state === "none" && this.#options.isOutdated && this.#options.renew(bytes)) return;
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
    this.#read.answerSyncs(this.#gate.takeLoneSyncs());
    if (this.#gate.hasTerminated) {
      this.end({ kind: "clientGone" });
    } else if (this.#gate.isReady) {
      this.#report?.asks(this.#gate.joined);
      this.#hold.request(this.#mayRide() ? this.#pass : undefined);
    }
    this.#followTime();
  }

  /** All that there is to send is a unit that may share a backend. */
  #mayRide(): boolean {
    const pass = this.#pass;
    if (pass === undefined || this.isClientStalled || this.#isHalfClosed) return false;
    const unit = this.#gate.onePiece;
    return unit !== undefined && pass.admits(unit);
  }

  #toServer(bytes: Uint8Array): void {
    if (this.#cancelling !== undefined) {
      this.#cancelling.push(bytes);
      if (this.#cancelling.isFull) this.#side.pause();
    } else {
      this.#requests.advance(bytes);
      this.send();
    }
  }

  /** What the requests have become goes to the server. */
  send(): void {
    const { backend } = this.#hold;
    if (backend === undefined) return;
    if (this.#read.owesReady) this.#read.tellReady();
    const piece = this.#requests.takeOne();
    if (piece !== undefined) this.#hold.write(piece);
    else for (const part of this.#requests.take()) this.#hold.write(part);
    this.#followTime();
    if (this.#requests.hasTerminated) {
      // The goodbye is for us, not for the server; what is in front of it still counts.
      if (this.#isHolding && this.ledger.owesAnswer) this.#endingInSight.awaitLastAnswer();
      else this.end({ kind: "clientGone" });
    } else if (this.ledger.owedReadyForQuery > this.#options.context.limits.maxPendingUnits) {
      this.#side.pause();
    }
  }

  #fromServer(bytes: Uint8Array, from: number, to: number): void {
    if (this.#answers.advance(bytes, from, to)) this.#client.writeThrough(bytes, from, to);
    else for (const piece of this.#answers.takePieces()) this.#client.write(piece);
    if (this.#answers.isDropping && this.ledger.isIdle && !this.#isRiding) {
      this.#answers.startOver();
      this.#sendAgain(this.#read.takeUnit());
    }
    this.#followTime();
    if (this.#cancelling !== undefined) this.#releaseHeld();
    if (this.#side.isPaused) this.#side.resume();
    if (this.#ending !== undefined) this.#ending.answered();
    if (this.ledger.isIdle) this.#answered();
  }

  /** All that was sent is answered: the lease may be over. */
  #answered(): void {
    const isBetweenMessages = this.#requests.isAtBoundary && this.#answers.isAtBoundary;
    if (!this.#isHolding || !this.ledger.isIdle || !isBetweenMessages) return;
    if (this.ledger.isInTransaction) {
      if (this.#read.owesReady) void this.#hold.settle(true);
      else if (this.#options.block.mode === "statement") this.fail("ERR_TRANSACTION_REFUSED");
      return;
    }
    // Others are not to go by what was true before.
    if (this.#pass !== undefined && this.#read.takeDefined()) this.#pass.definitionsChanged();
    if (this.#cancelling?.isUnderWay === true) return;
    if (this.#session.isUnsettled) void this.#hold.settle(false);
    else if (!this.#session.isTied) this.#letGo();
    else this.#ending?.leaveIfDraining();
  }

  /** The lease is over; what the client has sent meanwhile asks for another one. */
  #letGo(): void {
    this.#read.unit = undefined;
    this.#hold.release("clean");
    if (this.#side.isPaused) this.#side.resume();
    if (!this.#gate.isEmpty) this.#advance();
    this.#ending?.leaveIfDraining();
  }

  /** What is lost while the gateway itself asks the server something, the hold hears of. */
  #serverEnded(connection: Connection): void {
    const isHeld = this.#isHolding && this.#hold.backend?.connection === connection;
    if (isHeld) this.#endingInSight.serverGone();
    else connection.terminate();
  }

  get #endingInSight(): SessionEnding {
    this.#ending ??= new SessionEnding(this, this.#parts);
    return this.#ending;
  }

  /** The client sends nothing more. */
  get #isHalfClosed(): boolean {
    return this.#ending !== undefined && this.#ending.isHalfClosed;
  }

  #violated(thrown: unknown): void {
    this.#endingInSight.violated(GatewayError.from(thrown));
  }

  #expired(phase: LimitedPhase): void {
    if (phase !== "query") this.fail(EXPIRED[phase]);
    else if (this.#isRiding && !this.#hold.isHead) this.#phase?.restart();
    else void this.cancel();
  }

  #followTime(): void {
    if (this.#phase !== undefined && !this.#isOver) this.#phase.follow();
  }

  #releaseHeld(): void {
    const cancelling = this.#cancelling;
    if (cancelling === undefined) return;
    cancelling.release();
    if (cancelling.isHolding) return;
    if (cancelling.isDone) this.#cancelling = undefined;
    this.#side.resume();
  }

  /** It is over, once: whoever owns it closes the client; the backend is cleaned for the next one. */
  end(end: RelayEnd): void {
    if (this.#isOver) return;
    // A request that is under way would hit whoever comes next.
    const isUnsafe = this.#ending?.isOutOfStep === true || this.#cancelling?.isUnderWay === true;
    const leavings = isUnsafe ? undefined : leavingsOf(this.#parts, this.#backend);
    this.#report?.cutOff(end.kind === "failed" ? end.code : undefined);
    if (this.#pass !== undefined && this.#read.takeDefined()) this.#pass.definitionsChanged();
    this.#phase?.dispose();
    this.#ending?.dispose();
    this.#options.leave();
    this.#hold.end(leavings);
    this.#side.finish(() => {
      this.#session.end();
      this.#options.ended(end);
    });
  }

  /** What the client sent waits, and there is enough of it. */
  get isBehind(): boolean {
    const { maxPendingUnits } = this.#options.context.limits;
    if (this.ledger.owedReadyForQuery > maxPendingUnits / 2) return true;
    if (this.#gate.byteLength > MAX_WAITING_BYTES || this.#cancelling?.isFull) return true;
    return (this.#hold.backend?.connection.backlogBytes ?? 0) > 0;
  }

  #clientTakes(isTaking: boolean): void {
    this.isClientStalled = !isTaking;
    if (isTaking) this.#hold.backend?.connection.resume();
    else if (this.#isHolding || this.#isRiding) this.#hold.stall();
    this.#followTime();
    this.#ending?.follow();
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#violated(thrown);
    }
  }
}
