/**
 * Relays a PostgreSQL connection, message by message, without touching a message: both streams keep
 * their place by headers, so that there is always a boundary to stop, to time out or to say goodbye
 * at. With handlers on the traffic hooks the messages go through {@link HookedTraffic}.
 */
import type { Backend } from "../backend/index.ts";
import { GatewayError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { Connection } from "../net/index.ts";
import {
  AnswerLedger,
  BackendTag,
  ClientStream,
  MAX_SERVER_MESSAGE_BYTES,
  ServerStream,
} from "../postgres/index.ts";
import { connectionFields } from "../watch/index.ts";
import type { Cancellable } from "./cancel-keys.ts";
import { Cancellation } from "./cancellation.ts";
import { forwardCancel } from "./forward-cancel.ts";
import type { CancelTarget } from "./forward-cancel.ts";
import { HalfClosedLimit } from "./half-closed-limit.ts";
import type { HalfClosedTraffic } from "./half-closed-limit.ts";
import { HookedTraffic } from "./hooked-traffic.ts";
import type { HookedPort } from "./hooked-traffic.ts";
import { PauseReason, Relay } from "./relay.ts";
import { RelayedLogin } from "./relayed-login.ts";
import type { RelayEnd, SessionActivity } from "./relay.ts";
import type { SessionContext } from "./session-context.ts";
import type { FactsSource, SessionFacts } from "./session-facts.ts";
import { ServerLimits } from "./server-limits.ts";
import type { ServerTimes } from "./server-limits.ts";
import { EXPIRED, SessionPhase } from "./session-phase.ts";
import type { LimitedPhase, PhaseTraffic } from "./session-phase.ts";
import { TrafficHooks } from "./traffic-hooks.ts";
import { UnitReport } from "./unit-report.ts";

/** What the backend is of. */
export interface RelayedPool {
  readonly name: string;
  readonly options: ServerTimes;
}

export class PostgresRelay
  extends Relay
  implements Cancellable, PhaseTraffic, HalfClosedTraffic, FactsSource
{
  // First what each piece of traffic needs, side by side in memory.
  readonly #context: SessionContext;
  readonly #ledger = new AnswerLedger();
  readonly #clientStream: ClientStream;
  readonly #serverStream: ServerStream;
  #hooked: HookedTraffic | undefined;
  /** Undefined when nobody watches. */
  readonly #report: UnitReport | undefined;
  /** Until the client is logged in to a server over TLS. */
  #login: RelayedLogin | undefined;
  /** What the client sent behind its StartupMessage, until the server has said something. */
  #unheard: Uint8Array[] | undefined = [];
  /** While a request to cancel is under way, or may come of a time limit: holds what it could hit. */
  #cancellation: Cancellation | undefined;
  /** Traffic moves time limits: those of the login at first, later those that are set. */
  #isTimed = true;
  /** Why it is to end at the next good moment. */
  #goodbye: ErrorCode | undefined;
  /** The StartupMessage is on its way. */
  #isStarted = false;
  /** A client that was throttled goes on with so many unanswered: at least one, which may be a COPY. */
  #fewUnits: number;
  /** Once the client has ended. */
  #halfClosed: HalfClosedLimit | undefined;
  /** Of its cancel key. */
  #keyName: string | undefined;
  readonly #pool: RelayedPool;
  readonly #phase: SessionPhase;
  readonly #serverLimits: ServerLimits;
  readonly #hooks: TrafficHooks;
  #hasClientEnded = false;
  #hasServerEnded = false;

  constructor(
    client: Connection,
    backend: Backend,
    pool: RelayedPool,
    context: SessionContext,
    facts: SessionFacts,
    onEnd: (end: RelayEnd) => void,
  ) {
    super(client, backend, onEnd);
    this.#context = context;
    this.#pool = pool;
    const { limits, timers } = context;
    this.#fewUnits = Math.max(1, limits.maxPendingUnits / 2);
    this.#clientStream = new ClientStream(this.#ledger, limits.maxMessageBytes);
    this.#serverStream = new ServerStream(this.#ledger, MAX_SERVER_MESSAGE_BYTES);
    this.#hooks = new TrafficHooks(context.hooks, facts, client, backend.connection);
    facts.source = this;
    this.#report = this.#newReport(facts);
    this.#serverStream.listener = this.#report;
    this.#phase = new SessionPhase(this, context, timers, (phase) => this.#expired(phase));
    if (limits.queryTimeoutMs > 0) this.#cancellation = this.#newCancellation(true);
    this.#serverLimits = new ServerLimits(backend, pool.options, timers, () =>
      this.fail("ERR_SERVER_TIMEOUT"),
    );
  }

  /**
   * @param startupMessage the client's, as it came
   * @param rest what the client sent behind it
   * @param isEncrypted the client's connection is
   * @param sslRequest that hooks have not seen yet
   */
  start(
    startupMessage: Uint8Array,
    rest: Uint8Array,
    isEncrypted: boolean,
    sslRequest?: Uint8Array,
  ): void {
    this.backend.isUsed = true;
    if (this.backend.encryption !== undefined) {
      this.#login = new RelayedLogin(isEncrypted, () => this.#bindingFailed());
    }
    this.join();
    this.#enterHooks();
    this.#isStarted = true;
    if (this.#hooked !== undefined) this.#hooked.startup(startupMessage, sslRequest);
    else this.server.write(startupMessage);
    if (rest.length > 0) this.fromClient(rest);
  }

  /**
   * The gateway itself has logged in, both here and there.
   * @param greeting of the server, from behind its AuthenticationOk up to ReadyForQuery
   * @param rest what the client sent behind its login
   */
  startLoggedIn(greeting: Uint8Array, rest: Uint8Array): void {
    this.backend.isUsed = true;
    this.#isStarted = true;
    this.fromServer(greeting);
    this.join();
    if (rest.length > 0 && !this.isOver) this.fromClient(rest);
  }

  get ledger(): AnswerLedger {
    return this.#ledger;
  }

  protected override get keyData(): Uint8Array | undefined {
    return this.#serverStream.keyData;
  }

  get transactionStatus(): number {
    return this.#ledger.transactionStatus;
  }

  get applicationName(): string | undefined {
    return this.#serverStream.applicationName;
  }

  get isReceiving(): boolean {
    return !(this.#hooked?.isQuiet ?? this.#clientStream.isAtBoundary);
  }

  get isHandling(): boolean {
    return this.#hooked?.isHandling === true || this.#cancellation?.isHolding === true;
  }

  /** Waiting for the client, with nothing held anywhere. */
  get #isQuiet(): boolean {
    return this.#ledger.isIdle && !this.isReceiving && !this.isHandling;
  }

  /** A stream of replication has no end to wait for: who receives it knows where to go on. */
  get #isStreaming(): boolean {
    return this.#ledger.isCopyingBoth && this.#isClientAtBoundary && !this.isReceiving;
  }

  /** The client is between two messages, so that one more may be put in. */
  get #isClientAtBoundary(): boolean {
    return this.#hooked !== undefined || this.#serverStream.isAtBoundary;
  }

  /**
   * There is something to cancel: the server works for the client or reads its COPY data. It also works
   * on a batch that it has not been asked to answer yet.
   */
  get isQueryRunning(): boolean {
    return this.#ledger.isLoggedIn && !this.#ledger.isAnswered;
  }

  get hasTerminated(): boolean {
    return this.#clientStream.hasTerminated;
  }

  get activity(): SessionActivity {
    if (!this.#ledger.isLoggedIn) return "loggingIn";
    return this.isQueryRunning ? "active" : "idle";
  }

  settingsChanged(): void {
    const { limits } = this.#context;
    this.#fewUnits = Math.max(1, limits.maxPendingUnits / 2);
    this.#phase.limitsChanged();
    if (limits.queryTimeoutMs > 0) this.#cancellation ??= this.#newCancellation(true);
    // The next piece of traffic finds out.
    this.#isTimed = true;
  }

  drain(code: ErrorCode): void {
    this.#goodbye ??= code;
    this.#leaveIfDraining();
  }

  fail(code: ErrorCode, detail?: string): void {
    if (this.isOver) return;
    if (this.#isClientAtBoundary) this.client.write(this.#hooks.facts.lastWords(code));
    this.#giveUp(code, detail);
  }

  /** The client has been told. */
  #giveUp(code: ErrorCode, detail?: string): void {
    this.#report?.cutOff(code);
    this.#cancelRunning();
    this.end({ kind: "failed", code, ...(detail !== undefined && { detail }) });
  }

  /**
   * Cancels what runs; nothing that follows reaches the server before the request has had its effect,
   * or it would hit that instead.
   */
  async cancel(): Promise<void> {
    if (this.#serverStream.keyData === undefined || !this.isQueryRunning) return;
    this.#cancellation ??= this.#newCancellation(false);
    await this.#cancellation.request();
    try {
      this.#releaseHeld();
    } catch (thrown) {
      // What was held is looked at only now: it may be anything.
      this.#violated(thrown);
    }
  }

  protected override fromClient(bytes: Uint8Array): void {
    this.#unheard?.push(bytes);
    try {
      if (this.#hooked !== undefined || this.#context.hooks.traffic.isAny) {
        this.#enterHooks();
        if (this.#hooked !== undefined) {
          this.#hooked.fromClient(bytes);
          if (this.#isTimed && !this.isOver) this.#moveTimeLimits();
          return;
        }
      }
      this.#toServer(bytes);
    } catch (thrown) {
      this.#violated(thrown);
    }
  }

  protected override fromServer(chunk: Uint8Array): void {
    try {
      const bytes = this.#login === undefined ? chunk : this.#loggingIn(this.#login, chunk);
      if (bytes.length === 0) return;
      if (this.#unheard !== undefined && !this.#hasClientEnded && isStartingUp(bytes)) {
        this.#startAgain(true);
        return;
      }
      this.#unheard = undefined;
      if (this.#report !== undefined) this.#report.received(bytes.length);
      if (this.#hooked !== undefined || this.#context.hooks.traffic.isAny) this.#enterHooks();
      this.#serverStream.advance(bytes);
      if (this.#hooked === undefined) this.client.writeThrough(bytes);
      else this.#showAnswer(this.#hooked, bytes);
      this.#afterAnswer();
    } catch (thrown) {
      this.#violated(thrown);
    }
  }

  protected override clientEnded(): void {
    this.#hasClientEnded = true;
    this.#hooked?.clientEnded();
    this.#passOnClientEnd();
  }

  protected override clientClosed(): void {
    this.#clientGone();
  }

  protected override serverEnded(): void {
    this.#serverGone();
  }

  protected override serverClosed(): void {
    this.#serverGone();
  }

  protected override serverPauseChanged(): void {
    if (this.isOver) return;
    if (this.#isTimed) this.#moveTimeLimits();
    this.#halfClosed?.follow();
  }

  protected override dispose(): void {
    this.#phase.dispose();
    this.#hooked?.dispose();
    this.#serverLimits.dispose();
    this.#halfClosed?.dispose();
    this.#report?.cutOff(undefined);
    if (this.#keyName === undefined) return;
    this.#context.cancelKeys.remove(this.#keyName, this);
  }

  #loggingIn(login: RelayedLogin, chunk: Uint8Array): Uint8Array {
    const bytes = login.push(chunk);
    if (login.isOver) this.#login = undefined;
    return bytes;
  }

  /** The client was told by the server; only here it is known why, and what to do about it. */
  #bindingFailed(): void {
    const { group, logger, traceIdOf } = this.#context;
    logger.warn(
      "The server refused a login by SCRAM with channel binding, since TLS ends at the gateway: let the gateway log clients in",
      {
        key: `servers.${group}.auth.method`,
        client: this.client.remoteAddress,
        ...connectionFields(this.#hooks.facts, traceIdOf),
      },
    );
  }

  /** Handlers may have made another user or database of it. */
  #startUp(message: Uint8Array): void {
    this.#hooks.facts.startup = message;
    this.server.write(message);
  }

  /** What handlers let through at once goes out at once, all of it together. */
  #showAnswer(hooked: HookedTraffic, bytes: Uint8Array): void {
    hooked.fromServer(bytes);
    this.client.flush();
  }

  /** Messages for the server: the ledger follows what is really sent. */
  #toServer(bytes: Uint8Array): void {
    if (this.#cancellation !== undefined) {
      this.#cancellation.push(bytes);
      if (this.#cancellation.isFull) this.pauseClient(PauseReason.Cancelling);
      return;
    }
    this.#clientStream.advance(bytes);
    this.#pass(bytes);
  }

  /** Sends what the client's stream has moved over. */
  #pass(bytes: Uint8Array): void {
    this.server.writeThrough(bytes);
    if (this.#report !== undefined) this.#report.sent(bytes);
    if (this.#isTimed) this.#moveTimeLimits();
    if (this.#ledger.owedReadyForQuery > this.#context.limits.maxPendingUnits) {
      this.pauseClient(PauseReason.Throttled);
    }
  }

  #afterAnswer(): void {
    if (this.#isTimed) this.#moveTimeLimits();
    if (this.#cancellation !== undefined) this.#releaseHeld();
    if (this.#halfClosed !== undefined) this.#halfClosed.follow();
    if (this.#ledger.owedReadyForQuery <= this.#fewUnits) {
      this.resumeClient(PauseReason.Throttled);
    }
    if (this.#keyName === undefined && this.#ledger.isLoggedIn) this.#registerKey();
    if (this.#goodbye !== undefined) this.#leaveIfDraining();
  }

  #moveTimeLimits(): void {
    if (this.isOver) return;
    this.#phase.follow();
    this.#serverLimits.follow(this.#ledger.owesAnswer && !this.isServerPaused);
    this.#isTimed = this.#phase.isTimed || this.#serverLimits.isTimed;
  }

  /** What is held goes as far as it may. */
  #releaseHeld(): void {
    const cancellation = this.#cancellation;
    if (cancellation === undefined || this.isOver) return;
    cancellation.release();
    if (cancellation.isHolding) return;
    if (cancellation.isDone) this.#cancellation = undefined;
    this.resumeClient(PauseReason.Cancelling);
    if (this.#hasClientEnded) this.#passOnClientEnd();
  }

  #newReport(facts: SessionFacts): UnitReport | undefined {
    const { watch, timers } = this.#context;
    if (watch === undefined) return undefined;
    return new UnitReport({
      watch: watch.block(this.#pool.name),
      facts,
      client: this.client,
      server: this.server,
      ledger: this.#ledger,
      timers,
      startedMs: timers.clock.now(),
      catalog: undefined,
      // Statements are the server's business.
      named: () => undefined,
      pinReason: () => undefined,
    });
  }

  get #cancelTarget(): CancelTarget {
    const { address, encryption } = this.backend;
    return { address, encryption, keyData: this.#serverStream.keyData };
  }

  #newCancellation(isOneByOne: boolean): Cancellation {
    return new Cancellation(
      {
        ledger: this.#ledger,
        clientStream: this.#clientStream,
        sendRequest: () =>
          forwardCancel(this.#cancelTarget, this.#pool.name, this.#context, this.#hooks.facts),
        toServer: (bytes) => this.#pass(bytes),
      },
      isOneByOne,
    );
  }

  #registerKey(): void {
    const { keyData } = this.#serverStream;
    if (keyData !== undefined) this.#keyName = this.#context.cancelKeys.add(keyData, this);
  }

  /** Starts or stops sending traffic through hooks, where that loses nothing. */
  #enterHooks(): void {
    if (this.#hooked !== undefined) {
      if (this.#context.hooks.traffic.isAny || !this.#hooked.mayBeLeft) return;
      this.#hooked.dispose();
      this.#hooked = undefined;
      return;
    }
    if (!this.#context.hooks.traffic.isAny) return;
    if (!this.#clientStream.isAtBoundary || !this.#serverStream.isAtBoundary) return;
    // What is held may end in the middle of a message.
    if (this.#cancellation?.isHolding === true) return;
    this.#hooked = new HookedTraffic(this.#hooks, this.#hookedPort());
  }

  #hookedPort(): HookedPort {
    return {
      ledger: this.#ledger,
      timers: this.#context.timers,
      maxMessageBytes: this.#context.limits.maxMessageBytes,
      toServer: (bytes, isStartup) => {
        if (this.isOver) return;
        try {
          if (isStartup) this.#startUp(bytes);
          else this.#toServer(bytes);
        } catch (thrown) {
          // A handler made something else of the request; it may have answered late, on its own.
          this.#violated(thrown);
        }
      },
      toClient: (bytes) => this.client.write(bytes),
      isLoggingIn: this.#isStarted && !this.#ledger.isLoggedIn,
      heldBytes: () => this.#cancellation?.heldBytes ?? 0,
      pauseClient: () => this.pauseClient(PauseReason.Held),
      resumeClient: () => this.resumeClient(PauseReason.Held),
      pauseServer: () => this.pauseServer(PauseReason.Held),
      resumeServer: () => this.resumeServer(PauseReason.Held),
      clientGone: () => this.#clientGone(),
      fail: (code, isTold) => (isTold ? this.#giveUp(code) : this.fail(code)),
      settled: () => this.#hooksSettled(),
    };
  }

  #hooksSettled(): void {
    if (this.isOver) return;
    if (this.#isTimed) this.#moveTimeLimits();
    if (this.#hasServerEnded) this.#serverGone();
    else if (this.#hasClientEnded) this.#passOnClientEnd();
    else if (this.#goodbye !== undefined) this.#leaveIfDraining();
  }

  #violated(thrown: unknown): void {
    const error = GatewayError.from(thrown);
    this.fail(error.code, error.message);
  }

  #expired(phase: LimitedPhase): void {
    if (phase === "query") void this.cancel();
    else this.fail(EXPIRED[phase]);
  }

  #leaveIfDraining(): void {
    if (this.isOver || this.#goodbye === undefined) return;
    const isBusy = !this.#isQuiet || this.#ledger.isInTransaction;
    if (this.#ledger.isLoggedIn && isBusy && !this.#isStreaming) return;
    this.fail(this.#goodbye);
  }

  /** The client's last byte has come; after it has reached the server, so may the end. */
  #passOnClientEnd(): void {
    if (this.isOver || this.#hooked?.areRequestsThrough === false) return;
    if (this.#cancellation?.isHolding !== true) this.server.shutdown();
    const { timers } = this.#context;
    this.#halfClosed ??= new HalfClosedLimit(this, timers, () => this.#clientGone());
  }

  #clientGone(): void {
    if (this.isOver) return;
    this.#cancelRunning();
    this.end({ kind: "clientGone" });
  }

  /** PostgreSQL does not notice a lost connection while it executes: it has to be told. */
  #cancelRunning(): void {
    if (this.isQueryRunning && !this.#hasServerEnded) void this.cancel();
  }

  #serverGone(): void {
    this.#hasServerEnded = true;
    if (!this.hasTerminated && !this.#hasClientEnded) this.backend.isForsaken = true;
    this.#hooked?.serverEnded();
    if (this.isOver || this.#hooked?.areResponsesThrough === false) return;
    if (this.hasTerminated || this.#hasClientEnded) {
      this.end({ kind: "clientGone" });
    } else if (this.#unheard !== undefined) {
      this.#startAgain(false);
    } else if (this.#serverStream.endedWithError && this.#serverStream.isAtBoundary) {
      this.end({ kind: "serverClosed" });
    } else {
      this.fail("ERR_SERVER_LOST");
    }
  }

  /** From here on this backend belongs to nobody: another one may get the same startup. */
  #startAgain(isStarting: boolean): void {
    this.backend.isForsaken = true;
    this.end({ kind: "serverUnused", isStarting, rest: Buffer.concat(this.#unheard ?? []) });
  }
}

/** FATAL 57P03 in answer to a startup: the server accepts connections, but no sessions yet. */
function isStartingUp(firstAnswer: Uint8Array): boolean {
  if (firstAnswer[0] !== BackendTag.ErrorResponse) return false;
  return Buffer.from(firstAnswer).includes("\0C57P03\0");
}
