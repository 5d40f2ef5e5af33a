/**
 * Logs a client of a pooled group in, from its StartupMessage to the first ReadyForQuery.
 *
 *   asking     a server is asked about the client's user           (auth.query only)
 *   loggingIn  the client proves who it is
 *   greeting   the server is asked what the client is to be told
 *   opening    OnOpened runs
 *   over       a {@link PooledClient} has it; or it is gone
 *
 * A client that wants to replicate is none of the pool's: a {@link Replication} takes the place of
 * greeting and service.
 */
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { AuthenticatorOptions, ScramCredential } from "../../auth/index.ts";
import { ServerLoginError } from "../../backend/index.ts";
import type { ServerPlace } from "../../backend/index.ts";
import { ignoringHandler } from "../../net/index.ts";
import type { Connection, ConnectionHandler, TlsPeer } from "../../net/index.ts";
import {
  HEADER_BYTES,
  TransactionStatus,
  fatalResponse,
  readyForQuery,
} from "../../postgres/index.ts";
import type { Notice } from "../../postgres/index.ts";
import { connectionFields } from "../../watch/index.ts";
import type { BlockWatch, ConnectionFields } from "../../watch/index.ts";
import { runOpened } from "../connection-events.ts";
import type { SocketEnds } from "../connection-events.ts";
import { isGoodbye } from "../goodbye.ts";
import { ofTicket } from "../holding.ts";
import type { Holding } from "../holding.ts";
import type { RelayEnd, Served, SessionActivity } from "../relay.ts";
import type { SessionContext } from "../session-context.ts";
import type { SessionFacts } from "../session-facts.ts";
import { StartupBuffer } from "../startup-buffer.ts";
import type { StartupLimit } from "../startup-limit.ts";
import { ClientLogin } from "./client-login.ts";
import type { ClientLoginPort } from "./client-login.ts";
import { ClientRequest } from "./client-request.ts";
import type { GreetedClient, Greeting, GreetingOutcome, PendingGreeting } from "./greeting.ts";
import { HookedClient } from "./hooked-client.ts";
import type { HookedOwner } from "./hooked-client.ts";
import { hostOf } from "./host-of.ts";
import { PooledClient } from "./pooled-client.ts";
import type { Destination, Pooling } from "./pooling.ts";
import { Replication } from "./replication.ts";
import { spokenVersion, versionAnswer } from "./spoken-version.ts";
import type { PooledStartup, ReplicationRequest } from "./startup-request.ts";

export interface PooledSessionOptions {
  readonly client: Connection;
  readonly context: SessionContext;
  readonly pooling: Pooling;
  /** The StartupMessage, and what the client sent behind it. */
  readonly message: Uint8Array;
  readonly rest: Uint8Array;
  /** That came before, for hooks. */
  readonly sslRequest: Uint8Array | undefined;
  /** Of the TLS handshake; undefined without one. */
  readonly peer: TlsPeer | undefined;
  readonly facts: SessionFacts;
  /** Runs: the session is told to fail when it has passed. */
  readonly limit: StartupLimit;
  readonly owner: PooledSessionOwner;
}

export interface PooledSessionOwner {
  /** The login is over: `client` serves it from now on. */
  loggedIn(client: Served): void;
  /** It goes on at another block. */
  movedTo(block: string): void;
  ended(end: RelayEnd): void;
}

/** Before that the secret of a cancel key has four bytes. */
const LONG_KEYS_SINCE_MINOR = 2;
/** A client may send so much while it is not served yet. */
const MAX_EARLY_BYTES = 64 * 1024;
const NOTHING = new Uint8Array(0);
const READY = readyForQuery(TransactionStatus.Idle);

export class PooledSession
  implements ClientLoginPort, ConnectionHandler, GreetedClient, HookedOwner
{
  readonly #options: PooledSessionOptions;
  #client: Connection;
  /** The same, when its traffic goes through hooks. */
  #hooked: HookedClient | undefined;
  readonly #limit: StartupLimit;
  #startup: PooledStartup | undefined;
  #login: ClientLogin | undefined;
  #destination: Destination | undefined;
  #greeting: PendingGreeting | undefined;
  /** What the client sent behind its login. */
  readonly #early = new StartupBuffer();
  #replication: Replication | undefined;
  /** The StartupMessage came then, where somebody watches. */
  #startedMs = 0;
  /** Handlers have logged it in. */
  #isAnswered = false;
  /** Counts as a client of its user and its database. */
  #hasEntered = false;
  #isOutdated = false;
  #isOver = false;

  constructor(options: PooledSessionOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#limit = options.limit;
  }

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  get logFields(): ConnectionFields {
    const { facts, context } = this.#options;
    return connectionFields(facts, context.traceIdOf);
  }

  start(): void {
    const { message, rest, context } = this.#options;
    if (context.watch !== undefined) this.#startedMs = context.timers.clock.now();
    if (context.hooks.traffic.isAny) this.#startHooked(message, rest);
    else this.#begin(message, rest);
  }

  /** Hooks are told where the server is: the client is led to a block at once. */
  #startHooked(message: Uint8Array, rest: Uint8Array): void {
    this.#client.handler = this;
    this.#early.push(rest);
    this.#destination = this.#destinationOf(message);
    const { place } = this;
    if (place === undefined || place.isKnown) this.#hook(message);
    else void place.find().then(() => this.#hook(message));
  }

  #hook(message: Uint8Array): void {
    if (this.#isOver) return;
    const { context, facts, sslRequest } = this.#options;
    const hooked = new HookedClient({ client: this.#client, context, facts, owner: this });
    this.#hooked = hooked;
    this.#client = hooked;
    hooked.handler = this;
    const rest = this.#early.takeAll();
    hooked.startUp(message, rest, sslRequest, (startup) => this.#beginAs(startup));
    hooked.resume();
  }

  /**
   * Handlers have told the client that it is in. That opens no connection to the server: there must be a
   * login that all share.
   */
  answered(): void {
    this.#guard(() => {
      const { message, pooling } = this.#options;
      const startup = pooling.startups.read(message);
      this.#startUp(startup);
      this.#isAnswered = true;
      pooling.gate.expectAdmitted(this.#loginRequest(startup));
      this.#destination ??= pooling.choose(this.#client, startup.user, startup.database);
      if (this.#destination.block.login !== undefined) this.#enter(undefined, NOTHING);
      else this.fail("ERR_AUTH_UNANSWERED", "a plugin logged a client in without startupParams");
    });
  }

  /** What handlers have made of the StartupMessage. */
  #beginAs(message: Uint8Array): void {
    const isChanged = Buffer.compare(message, this.#options.message) !== 0;
    if (isChanged) {
      this.#options.facts.startup = message;
      this.#destination = this.#destinationOf(message);
    }
    this.#begin(message, NOTHING);
  }

  /** Undefined if the client will be refused for it. */
  #destinationOf(message: Uint8Array): Destination | undefined {
    try {
      const { pooling } = this.#options;
      const { user, database, replication } = pooling.startups.read(message);
      const isOfDatabase = replication?.isPhysical !== true;
      return pooling.choose(this.#client, user, database, isOfDatabase);
    } catch (thrown) {
      if (thrown instanceof GatewayError) return undefined;
      throw thrown;
    }
  }

  #begin(message: Uint8Array, rest: Uint8Array): void {
    const { pooling, peer } = this.#options;
    try {
      const startup = pooling.startups.read(message);
      this.#startUp(startup);
      const answer = versionAnswer(startup);
      if (answer !== undefined) this.#client.write(answer);
      const names = peer === undefined || peer.names.length === 0 ? undefined : peer.names;
      const options = pooling.gate.admit(this.#loginRequest(startup), names);
      this.#early.push(rest);
      if (options instanceof Promise) this.#await(options);
      else this.#logIn(options);
    } catch (thrown) {
      this.failed(GatewayError.from(thrown));
    }
  }

  #startUp(startup: PooledStartup): void {
    this.#startup = startup;
    this.#options.facts.startup = startup.message;
  }

  /** The user is being asked for. */
  #await(options: Promise<AuthenticatorOptions>): void {
    this.#client.handler = this;
    options.then(
      (known) => this.#guard(() => this.#logIn(known)),
      (thrown: unknown) => this.failed(GatewayError.from(thrown)),
    );
  }

  #logIn(options: AuthenticatorOptions): void {
    if (this.#isOver) return;
    this.#login = new ClientLogin(this.#client, options, this.#options.context.timers, this);
    this.#client.resume();
    this.#login.start(this.#early.takeAll());
  }

  get activity(): SessionActivity {
    return "loggingIn";
  }

  /** The first of its kind waits until a server has told what it is greeted with. */
  get holding(): Holding | undefined {
    return ofTicket(this.#greeting?.ticket);
  }

  /** Nothing runs yet. */
  async cancel(): Promise<void> {}

  /** It has been led to a block already, perhaps: it takes what there is when it has logged in. */
  settingsChanged(): void {
    this.#isOutdated = true;
  }

  drain(code: ErrorCode): void {
    this.fail(code);
  }

  fail(code: ErrorCode, detail?: string): void {
    if (isGoodbye(code)) this.#hooked?.giveUp();
    if (this.#isOver) return;
    this.#client.write(this.#options.facts.lastWords(code));
    this.#end({ kind: "failed", code, ...(detail !== undefined && { detail }) });
  }

  /** Undefined while it has no block, and when nobody watches. */
  get #watch(): BlockWatch | undefined {
    const { context, facts } = this.#options;
    return facts.block === undefined ? undefined : context.watch?.block(facts.block);
  }

  /** Asked by hooks, until somebody else has the client: this and `lease`. */
  get place(): ServerPlace | undefined {
    return this.#destination?.block.place;
  }

  get lease(): SocketEnds | undefined {
    return this.#replication?.server;
  }

  hooksMoved(): void {}

  /** Heard from the login, up to `gone`. */
  accepted(credential: ScramCredential | undefined, rest: Uint8Array): void {
    this.#guard(() => this.#enter(credential, rest));
  }

  holdMs(isAccepted: boolean): number {
    const { pooling, context } = this.#options;
    const { gate } = pooling;
    const host = hostOf(this.#client.remoteAddress);
    const user = this.#startup?.user ?? "";
    const nowMs = context.timers.clock.now();
    return isAccepted ? gate.succeeded(host, user, nowMs) : gate.failed(host, user, nowMs);
  }

  failed(error: GatewayError): void {
    this.fail(error.code, error.message);
  }

  gone(): void {
    this.#end({ kind: "clientGone" });
  }

  /** Heard from the client between its login and the first unit. */
  onData(bytes: Uint8Array): void {
    if (this.#hooked !== undefined && this.#startup === undefined) {
      this.fail("ERR_AUTH_UNANSWERED", "a plugin answered the startup, and not what came then");
      return;
    }
    this.#early.push(bytes);
    if (this.#early.byteLength > MAX_EARLY_BYTES) this.#client.pause();
  }

  onStall(): void {}
  onDrain(): void {}

  onEnd(): void {
    this.gone();
  }

  onClose(): void {
    this.gone();
  }

  #loginRequest(startup: PooledStartup): ClientRequest {
    return new ClientRequest(this.#client, startup, this.#options.peer !== undefined);
  }

  #enter(credential: ScramCredential | undefined, rest: Uint8Array): void {
    const options = this.#options;
    const { pooling } = options;
    const startup = this.#startup;
    if (startup === undefined || this.#isOver) return;
    const { user, database, replication } = startup;
    if (credential !== undefined) pooling.gate.remember(user, credential);
    const excess = pooling.gate.enter(user, database);
    this.#hasEntered = excess === undefined;
    if (excess !== undefined) {
      this.fail(excess, `user ${JSON.stringify(user)}, database ${JSON.stringify(database)}`);
      return;
    }
    this.#early.push(rest);
    this.#client.handler = this;
    const isOfDatabase = replication?.isPhysical !== true;
    this.#destination ??= pooling.choose(this.#client, user, database, isOfDatabase);
    options.facts.block = this.#destination.block.pool.name;
    options.client.meter = this.#watch?.clientMeter;
    if (replication !== undefined) {
      this.#replicate(startup, replication, this.#destination);
      return;
    }
    const { block, lane } = this.#destination;
    // The queue has a limit of its own.
    this.#limit.clear();
    this.#greeting = block.greetings.learn(lane, startup, this, (outcome) =>
      this.#guard(() => this.#greeted(outcome)),
    );
  }

  #greeted(outcome: GreetingOutcome): void {
    if (this.#isOver) return;
    switch (outcome.kind) {
      case "greeted":
        this.#open(outcome.greeting);
        return;
      case "refused":
        this.#refuse(outcome.notice);
        return;
      case "failed":
        this.#serverFailed(outcome.error, isClientsFault);
    }
  }

  /** @param isTold whether it is for the client what a server has said against our login */
  #serverFailed(error: GatewayError, isTold: (notice: Notice) => boolean): void {
    const refusal = error instanceof ServerLoginError ? error.refusal : undefined;
    if (refusal !== undefined && isTold(refusal.notice)) this.#refuse(refusal.notice);
    else this.failed(error);
  }

  /** The client gets a server connection of its own. */
  #replicate(
    { settings, minorVersion }: PooledStartup,
    { value }: ReplicationRequest,
    destination: Destination,
  ): void {
    const protocolVersion = spokenVersion(minorVersion);
    const parameters = [["replication", value] as const, ...settings];
    const startup = { parameters, protocolVersion };
    const { context, facts } = this.#options;
    const replication = new Replication({ context, facts, destination, startup });
    this.#replication = replication;
    replication.open().then(
      () => this.#guard(() => this.#openReplication(replication)),
      // The connection is the client's own: so is what the server says of it.
      (thrown: unknown) =>
        this.#serverFailed(GatewayError.from(thrown), ({ code }) => code !== "28P01"),
    );
  }

  #openReplication(replication: Replication): void {
    this.#whenOpened(() => {
      const early = this.#early.takeAll();
      replication.serve(this.#client, this.#hooked !== undefined, early, (end) => this.#ended(end));
      this.#client.resume();
      this.#isOver = true;
      this.#options.owner.loggedIn(replication);
    });
  }

  /** In the server's words, all of them. */
  #refuse(notice: Notice): void {
    this.#client.write(fatalResponse(notice));
    const detail = `${notice.code} ${notice.message}`;
    this.#end({ kind: "failed", code: "ERR_SERVER_LOGIN", detail });
  }

  #open(greeting: Greeting): void {
    this.#whenOpened(() => this.#serve(greeting));
  }

  #whenOpened(serve: () => void): void {
    if (this.#isOver) return;
    const { context, facts } = this.#options;
    runOpened(context.hooks, this.#client, facts, (isTerminated) => {
      if (this.#isOver) return;
      if (isTerminated) this.fail("ERR_TERMINATED");
      else this.#guard(serve);
    });
  }

  #serve(greeting: Greeting): void {
    const startup = this.#startup;
    if (this.#destination === undefined || startup === undefined) return;
    const { block, lane } = this.#destination;
    const { context, facts, pooling, owner } = this.#options;
    const hasLongKeys = startup.minorVersion >= LONG_KEYS_SINCE_MINOR;
    const keyMessage = pooling.newCancelKey(hasLongKeys);
    this.#client.write(greeting.messages);
    // Who was answered by handlers has a key of theirs, and has been told to go on.
    if (!this.#isAnswered) {
      this.#client.write(keyMessage);
      this.#client.write(READY);
    }
    // The client goes on while we do.
    this.#client.flush();
    this.#client.resume();
    this.#watch?.loggedIn(facts, context.timers.clock.now() - this.#startedMs);
    this.#isOver = true;
    const client = new PooledClient({
      client: this.#client,
      hooked: this.#hooked,
      context,
      facts,
      block,
      lane,
      pooling,
      startup,
      greeting,
      cancelKey: keyMessage.subarray(HEADER_BYTES),
      owner,
    });
    owner.loggedIn(client);
    client.start(this.#early.takeAll());
    if (this.#isOutdated) client.settingsChanged();
  }

  /** Nobody hears of what is thrown after a wait: it ends the session here. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.failed(GatewayError.from(thrown));
    }
  }

  #end(end: RelayEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#limit.dispose();
    this.#login?.stop();
    this.#greeting?.giveUp();
    this.#replication?.giveUp();
    this.#client.handler = ignoringHandler;
    if (this.#hooked === undefined) this.#ended(end);
    else this.#hooked.finish(() => this.#ended(end));
  }

  #ended(end: RelayEnd): void {
    const { pooling, owner } = this.#options;
    const startup = this.#startup;
    if (startup !== undefined && this.#hasEntered) {
      pooling.gate.leave(startup.user, startup.database);
    }
    owner.ended(end);
  }
}

/** What is wrong with our own login, or with the server, is not what the client asked for. */
function isClientsFault({ code }: Notice): boolean {
  return !code.startsWith("28") && !code.startsWith("53") && !code.startsWith("57");
}
