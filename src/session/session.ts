/**
 * One client, from accept to the end.
 *
 *   proxyHeader  the load balancer's header must come first                 (proxyProtocol only)
 *   opening      OnOpening runs
 *   startup      the first packet is awaited; a backend is asked for at the same time
 *   handshake    TLS is negotiated; back to startup
 *   waiting      the StartupMessage is there, the backend is not
 *   relaying     both are there: a relay moves the bytes; or it is the client of a pooled group, which
 *                logs in here and gets a backend when it needs one
 *   cancelling   it was a CancelRequest: passed on, then closed
 *   ending       nothing more is done for it, see {@link SessionEnd}
 *
 * A session that must be refused (too many clients, no backend, TLS required, shutting down) is told
 * so in answer to its StartupMessage, not before: clients discard what comes earlier.
 */
import type { ErrorCode, GatewayError } from "../errors.ts";
import type { LogFields, RecordLevel } from "../logging/index.ts";
import type { Connection, ConnectionHandler, TlsPeer } from "../net/index.ts";
import { errorResponseFor } from "../postgres/index.ts";
import { runOpening } from "./connection-events.ts";
import type { SocketEnds } from "./connection-events.ts";
import { isGoodbye } from "./goodbye.ts";
import { ofTicket, ownServer } from "./holding.ts";
import type { Holding } from "./holding.ts";
import { logClient } from "./log-client.ts";
import { MAX_WAITING_BYTES } from "./max-waiting-bytes.ts";
import { PostgresRelay } from "./postgres-relay.ts";
import { RawRelay } from "./raw-relay.ts";
import { PooledSession } from "./pooled/index.ts";
import type { Pooling, PooledSessionOwner } from "./pooled/index.ts";
import type { RelayEnd, Served, SessionActivity } from "./relay.ts";
import type { Admission, SessionContext } from "./session-context.ts";
import { SessionEnd } from "./session-end.ts";
import type { EndOwner } from "./session-end.ts";
import { SessionFacts } from "./session-facts.ts";
import { SessionLease } from "./session-lease.ts";
import type { LeasePort } from "./session-lease.ts";
import { StartupLimit } from "./startup-limit.ts";
import { StartupNegotiation } from "./startup-negotiation.ts";
import type { NegotiationPort, StartupRequest } from "./startup-negotiation.ts";
import { takeStartupTrace } from "./take-startup-trace.ts";
import { tlsRefusal } from "./tls-refusal.ts";
import { VirtualSession, admitVirtually } from "./virtual/index.ts";
import type { Admitted } from "./virtual/index.ts";

type State =
  | "proxyHeader"
  | "opening"
  | "startup"
  | "handshake"
  | "waiting"
  | "relaying"
  | "cancelling"
  | "ending";

const NO_BYTES = new Uint8Array(0);

export class Session
  implements ConnectionHandler, NegotiationPort, LeasePort, PooledSessionOwner, EndOwner
{
  readonly #context: SessionContext;
  #admission: Admission;
  readonly #onEnded: (session: Session) => void;
  /** Until the client is logged in to a pooled group: most of its life it can do without. This and the next. */
  #startup: StartupNegotiation | undefined;
  #limit: StartupLimit | undefined;
  /** Undefined if the group was in passthrough when the client came: this, or the next. */
  readonly #pooling: Pooling | undefined;
  readonly #lease: SessionLease | undefined;
  /** For handlers, one object for all of them. */
  readonly facts: SessionFacts;
  #client: Connection;
  #state: State = "opening";
  #relay: Served | undefined;
  #startupMessage: Uint8Array | undefined;
  /** Is to be shown to hooks, in front of the StartupMessage. */
  #sslRequest: Uint8Array | undefined;
  #isEncrypted = false;
  #hasClientEnded = false;
  /** Why this client cannot be served; told when it can hear it. */
  #refusal: ErrorCode | undefined;
  /** It was accepted then, on the clock of the timers. */
  openedMs = 0;

  /**
   * @param admission what the budget said; given back when the session is over
   * @param onEnded called once, when it holds nothing any more
   */
  constructor(
    client: Connection,
    context: SessionContext,
    admission: Admission,
    onEnded: (session: Session) => void,
  ) {
    this.#client = client;
    this.#context = context;
    this.facts = new SessionFacts(context.protocol === "raw");
    this.#startup = new StartupNegotiation(client, context, this);
    this.#pooling = context.pooling;
    if (context.pooling === undefined) this.#lease = new SessionLease(context, this);
    this.#admission = admission;
    this.#onEnded = onEnded;
    this.#limit = new StartupLimit(context, () => this.#startupTimedOut());
    if (admission === "overLimit") this.#refusal = "ERR_TOO_MANY_CLIENTS";
  }

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  get localAddress(): string {
    return this.#client.localAddress;
  }

  get client(): Connection {
    return this.#client;
  }

  get isEncrypted(): boolean {
    return this.#isEncrypted;
  }

  start(): void {
    this.#client.handler = this;
    const { watch, timers } = this.#context;
    this.openedMs = timers.clock.now();
    watch?.opened(this.facts, this.#client);
    this.#limit?.awaitStartup();
    if (this.#context.proxyProtocol === "off") this.#open();
    else this.#state = "proxyHeader";
  }

  /** Ends at the next good moment, for this reason: nothing is wrong with the client. */
  drain(code: ErrorCode): void {
    if (this.#relay !== undefined) {
      this.#relay.drain(code);
      return;
    }
    this.#refuse(code);
    if (!this.#isEnding && this.#state !== "cancelling") this.#limit?.awaitLeaving();
  }

  /** Ends now, because an administrator says so. */
  kill(): void {
    if (this.#relay !== undefined) this.#relay.fail("ERR_SESSION_KILLED");
    else if (this.#startupMessage !== undefined) this.#refuse("ERR_SESSION_KILLED");
    else this.#finish();
  }

  /** Cancels what it has a server do. Never rejects. */
  async cancelQuery(): Promise<void> {
    await this.#relay?.cancel();
  }

  /** The group has other settings, or other blocks: what it uses of a block that is no more it gives up. */
  settingsChanged(): void {
    if (this.#isEnding) return;
    this.#relay?.settingsChanged();
    // In a group that is pooled now, and was not, it keeps what it has.
    if (this.#pooling !== this.#context.pooling || this.#lease?.isOfOthers === true) return;
    if (this.#relay === undefined) this.#lease?.settingsChanged();
    else if (this.#lease?.held?.pool.isRetired === true) this.#relay.drain("ERR_BLOCK_REMOVED");
  }

  get activity(): SessionActivity {
    if (this.#isEnding) return "ending";
    return this.#relay?.activity ?? "loggingIn";
  }

  /** Undefined while it neither has a server nor waits for one. */
  get holding(): Holding | undefined {
    if (this.#relay !== undefined) return this.#relay.holding;
    const held = this.#lease?.held;
    // Its client has not said what it wants.
    return held === undefined ? ofTicket(this.#lease?.ticket) : ownServer(held.backend, undefined);
  }

  /** Ends now, for this reason. */
  cut(code: ErrorCode): void {
    if (this.#relay !== undefined) this.#relay.fail(code);
    else this.#finish();
  }

  onData(bytes: Uint8Array): void {
    this.#startup?.push(bytes);
    if (this.#waitingBytes > MAX_WAITING_BYTES && this.#startup?.isHolding === true) {
      this.#client.pause();
    }
  }

  onStall(): void {}
  onDrain(): void {}

  onEnd(): void {
    this.#hasClientEnded = true;
    // A raw client may have said all it has to say before its server is there.
    if (this.#context.protocol === "raw" && this.#waitingBytes > 0) return;
    // What it sent may be a CancelRequest, which is read when OnOpening has run.
    if (this.#state === "opening" && this.#waitingBytes > 0) return;
    this.#finish();
  }

  onClose(error: Error | undefined): void {
    if (error !== undefined) this.#log("debug", "A client connection was lost", { error });
    this.#finish();
  }

  /** Heard from the lease: this, `opened` and `leaseFailed`. */
  leased(block: string): void {
    this.#enter(block);
  }

  opened(isTerminated: boolean): void {
    if (isTerminated) this.#refuse("ERR_TERMINATED");
    else this.#join();
  }

  leaseFailed(code: ErrorCode): void {
    if (this.#relay !== undefined) this.#relay.fail(code);
    else this.#refuse(code);
  }

  /** Its work is done by this block. */
  #enter(block: string): void {
    const { watch } = this.#context;
    this.facts.block = block;
    if (watch !== undefined) this.#client.meter = watch.block(block).clientMeter;
  }

  /** The client has sent so much that nobody has asked for yet. */
  get #waitingBytes(): number {
    return this.#startup?.buffer.byteLength ?? 0;
  }

  get #isEnding(): boolean {
    return this.#state === "ending";
  }

  #open(): void {
    this.#state = "opening";
    runOpening(this.#context.hooks, this.#client, this.facts, (isTerminated) => {
      if (this.#isEnding) return;
      if (isTerminated) this.#refusal ??= "ERR_TERMINATED";
      const isRaw = this.#context.protocol === "raw";
      this.#state = isRaw ? "waiting" : "startup";
      // There is no startup to wait for; the queue has a limit of its own.
      if (isRaw) this.#limit?.clear();
      if (this.#refusal === undefined) this.#lease?.ask();
      else if (isRaw) this.#refuse(this.#refusal);
      if (this.#state === "startup") this.#startup?.begin();
      if (this.#hasClientEnded && !isRaw) this.#finishUnlessCancelling();
    });
  }

  /** A client that has ended can want nothing but a cancel. */
  #finishUnlessCancelling(): void {
    if (this.#state !== "cancelling") this.#finish();
  }

  /** Heard from the negotiation, from here on to `violated`. */
  proxied(): void {
    this.#open();
  }

  sslRequested(packet: Uint8Array): void {
    if (this.#context.hooks.onTrafficFromClient.chain !== null) this.#sslRequest = packet;
  }

  handshakeBegan(): void {
    this.#state = "handshake";
    this.#limit?.awaitHandshake();
  }

  handshakeEnded(error: Error | undefined): void {
    if (error !== undefined) {
      this.#log("warn", "Failed to upgrade the connection to TLS", { error });
      return;
    }
    this.#state = "startup";
    this.#limit?.awaitStartup();
  }

  clientReplaced(client: Connection): void {
    this.#client = client;
    client.handler = this;
  }

  requested(request: StartupRequest): void {
    if (request.kind === "cancel") this.#cancel(request.key);
    else this.#startupReceived(request.message, request.peer);
  }

  violated(error: GatewayError): void {
    this.#context.watch?.refused(this.facts, error.code);
    this.#log("info", "A client was refused", { code: error.code, error });
    // PostgreSQL, too, answers a packet it cannot read; whoever speaks the protocol understands it.
    if (this.#state !== "proxyHeader") this.#client.write(errorResponseFor(error.code, "FATAL"));
    this.#finish();
  }

  #cancel(key: Uint8Array): void {
    this.#state = "cancelling";
    this.#admission = this.#context.budget.exempt(this.#admission);
    this.#lease?.giveBack();
    const target = this.#context.cancelKeys.find(key);
    if (target === undefined) this.#finish();
    else void target.cancel().then(() => this.#finish());
  }

  #startupReceived(sent: Uint8Array, peer: TlsPeer | undefined): void {
    if (this.#hasClientEnded) return;
    const isTraced = this.#context.traceIdOf !== undefined;
    const message = isTraced ? takeStartupTrace(sent, this.facts) : sent;
    this.#startupMessage = message;
    this.facts.startup = message;
    this.#isEncrypted = peer !== undefined;
    this.#state = "waiting";
    this.#limit?.clear();
    const refusal = tlsRefusal(this.#context.tls.mode, message, peer);
    const pooling = this.#pooling;
    const admitted =
      refusal === undefined && !this.#isUnwanted
        ? admitVirtually(this.#context, this.#client, this.facts, message, peer)
        : undefined;
    this.#refusal ??= refusal;
    if (admitted !== undefined) this.#serveVirtually(admitted);
    else if (this.#refusal !== undefined) this.#refuse(this.#refusal);
    else if (pooling !== undefined) this.#pool(pooling, message, peer);
    else this.#join();
  }

  /** Nobody at all is served any more, or a handler has ended this client: not only that there is no backend for it. */
  get #isUnwanted(): boolean {
    const refusal = this.#refusal;
    return refusal === "ERR_TERMINATED" || (refusal !== undefined && isGoodbye(refusal));
  }

  /** It needs no backend, and comes in though there are too many clients: somebody has to look what is wrong. */
  #serveVirtually({ startup, admission }: Admitted): void {
    this.#lease?.stop();
    this.#lease?.giveBack();
    this.#refusal = undefined;
    // Handlers hear of nothing that is said here.
    this.#sslRequest = undefined;
    this.facts.block = undefined;
    this.#client.meter = undefined;
    this.#state = "relaying";
    this.#limit?.awaitStartup();
    const rest = this.#startup?.buffer.takeAll() ?? NO_BYTES;
    const { facts } = this;
    const client = this.#client;
    const context = this.#context;
    const session = new VirtualSession({ client, context, facts, startup, admission, owner: this });
    this.#relay = session;
    session.start(rest);
  }

  #pool(pooling: Pooling, message: Uint8Array, peer: TlsPeer | undefined): void {
    const limit = this.#limit;
    if (this.#startup === undefined || limit === undefined) return;
    this.#state = "relaying";
    limit.awaitStartup();
    this.#client.resume();
    const session = new PooledSession({
      client: this.#client,
      context: this.#context,
      pooling,
      message,
      rest: this.#startup.buffer.takeAll(),
      sslRequest: this.#takeSslRequest(),
      peer,
      facts: this.facts,
      limit,
      owner: this,
    });
    this.#relay = session;
    session.start();
  }

  /** Heard from a pooled or virtual session: this and `ended`. */
  loggedIn(client: Served): void {
    this.#relay = client;
    this.#startup = undefined;
    this.#startupMessage = undefined;
    this.#limit?.dispose();
    this.#limit = undefined;
  }

  movedTo(block: string): void {
    this.#enter(block);
  }

  ended(end: RelayEnd): void {
    this.#relayEnded(end);
  }

  /** Both the client's startup and the backend are there: from here a relay has them. */
  #join(): void {
    const lease = this.#lease?.ready;
    if (this.#state !== "waiting" || lease === undefined) return;
    this.#state = "relaying";
    this.#limit?.dispose();
    const { backend, pool } = lease;
    const client = this.#client;
    const context = this.#context;
    const facts = this.facts;
    const onEnd = (end: RelayEnd): void => this.#relayEnded(end);
    client.resume();
    const rest = this.#startup?.buffer.takeAll() ?? NO_BYTES;
    if (this.#startupMessage === undefined) {
      const relay = new RawRelay(client, backend, pool, context, facts, onEnd);
      this.#relay = relay;
      relay.start(rest, this.#hasClientEnded);
    } else {
      const relay = new PostgresRelay(client, backend, pool, context, facts, onEnd);
      this.#relay = relay;
      relay.start(this.#startupMessage, rest, this.#isEncrypted, this.#takeSslRequest());
    }
  }

  #relayEnded(end: RelayEnd): void {
    this.#relay = undefined;
    this.#client.handler = this;
    if (end.kind === "serverUnused") {
      this.#startup?.buffer.push(end.rest);
      this.#state = "waiting";
      this.#lease?.askAgain(end.isStarting);
      return;
    }
    if (end.kind === "failed") {
      const { watch } = this.#context;
      // The server has said ReadyForQuery, or the gateway in its place.
      if (this.facts.transactionStatus === undefined) watch?.refused(this.facts, end.code);
      else watch?.ended(this.facts, end.code);
      this.#log("info", "A connection was ended by the gateway", {
        code: end.code,
        ...(end.detail !== undefined && { detail: end.detail }),
      });
    }
    this.#finish(end.kind === "clientGone");
  }

  /** Tells the client why it cannot be served, as soon as it can hear it, and ends. */
  #refuse(code: ErrorCode): void {
    this.#refusal ??= code;
    const isHeard = this.#startupMessage !== undefined;
    const isRaw = this.#context.protocol === "raw";
    if (!isHeard && !isRaw && !this.#isEnding) {
      this.#lease?.giveBack();
      return;
    }
    if (this.#isEnding) return;
    this.#log("info", "A client was refused", { code: this.#refusal });
    this.#context.watch?.refused(this.facts, this.#refusal);
    if (isHeard) this.#client.write(this.facts.lastWords(this.#refusal));
    this.#finish();
  }

  #startupTimedOut(): void {
    if (this.#relay !== undefined) {
      this.#relay.fail("ERR_STARTUP_TIMEOUT");
      return;
    }
    this.#log("info", "A client was refused", { code: "ERR_STARTUP_TIMEOUT" });
    this.#context.watch?.refused(this.facts, "ERR_STARTUP_TIMEOUT");
    this.#finish();
  }

  /** It is shown once, whatever becomes of the StartupMessage. */
  #takeSslRequest(): Uint8Array | undefined {
    const packet = this.#sslRequest;
    this.#sslRequest = undefined;
    return packet;
  }

  /** Ends it, once. */
  #finish(hasClientLeft = false): void {
    if (this.#isEnding) return;
    this.#state = "ending";
    this.#limit?.dispose();
    this.#startup?.stop();
    this.#lease?.stop();
    new SessionEnd(this, this.#context, hasClientLeft).begin(this.#takeSslRequest());
  }

  /** Asked by its end, from here to `closed`. */
  get server(): SocketEnds {
    const place = { localAddress: "", remoteAddress: this.#pooling?.onlyPlace?.address ?? "" };
    return this.#lease?.held?.backend.connection ?? place;
  }

  giveBack(): void {
    this.#lease?.giveBack();
  }

  closed(): void {
    const { budget, watch, timers } = this.#context;
    budget.release(this.#admission);
    watch?.closed(this.facts, timers.clock.now() - this.openedMs);
    this.#onEnded(this);
  }

  #log(level: RecordLevel, message: string, fields: LogFields): void {
    logClient(this.#context, this.facts, this.#client, level, message, fields);
  }
}
