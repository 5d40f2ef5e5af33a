/**
 * A client of a pooled group from the end of its login to its own.
 *
 *   resting  it asks for nothing: this object is all that there is of it, and what most of many clients cost
 *   awake    a {@link PooledRelay} serves it
 *   over
 *
 *   resting -> awake  it sends something, or cannot take what it was sent
 *   awake -> resting  it has asked for nothing for a while, and nothing is under way
 *   resting -> over   it leaves, or is told to; so does a relay while it is awake
 *
 * At rest it is heard, can be drained, timed and counted, and there is nothing to cancel. What a session has set, was
 * told and has prepared stays here; whoever is pinned, has a transaction or a part of a message does not rest.
 */
import type { PooledBackend, ServerPlace } from "../../backend/index.ts";
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { Connection, ConnectionHandler, Deadline } from "../../net/index.ts";
import type { PairLane } from "../../pool/index.ts";
import { TransactionStatus } from "../../postgres/index.ts";
import type { Settings } from "../../postgres/index.ts";
import { connectionFields } from "../../watch/index.ts";
import type { Cancellable } from "../cancel-keys.ts";
import { isGoodbye } from "../goodbye.ts";
import type { Holding } from "../holding.ts";
import type { RelayEnd, Served, SessionActivity } from "../relay.ts";
import type { SessionContext } from "../session-context.ts";
import type { FactsSource, SessionFacts } from "../session-facts.ts";
import { EXPIRED } from "../session-phase.ts";
import type { Wakeful } from "./awake-clients.ts";
import type { Greeting } from "./greeting.ts";
import type { HookedClient, HookedOwner } from "./hooked-client.ts";
import { PooledRelay } from "./pooled-relay.ts";
import type { PooledRelayOptions, SessionAtRest } from "./pooled-relay-options.ts";
import type { Pooling, ServingBlock } from "./pooling.ts";
import type { KeptStatements } from "./session-statements.ts";
import type { PooledStartup } from "./startup-request.ts";

export interface PooledClientOptions {
  readonly client: Connection;
  /** The same if it is behind hooks. */
  readonly hooked: HookedClient | undefined;
  readonly context: SessionContext;
  readonly facts: SessionFacts;
  readonly block: ServingBlock;
  readonly lane: PairLane<PooledBackend>;
  /** Counts it as a client of its user and its database, until it ends; and knows where it goes on after a change. */
  readonly pooling: ClientPooling;
  readonly startup: Pick<PooledStartup, "user" | "database">;
  readonly greeting: Pick<Greeting, "settings" | "parameters">;
  /** That the client was given. */
  readonly cancelKey: Uint8Array;
  readonly owner: PooledClientOwner;
}

/** What a client needs of its group. */
export interface ClientPooling {
  /** @throws GatewayError when there is no block for it any more */
  goOn(...client: Parameters<Pooling["goOn"]>): {
    readonly block: ServingBlock;
    readonly lane: PairLane<PooledBackend>;
  };
  readonly gate: Pick<Pooling["gate"], "leave">;
}

export interface PooledClientOwner {
  /** Its work is done by another block from now on. */
  movedTo(block: string): void;
  ended(end: RelayEnd): void;
}

const NOTHING = new Uint8Array(0);

export class PooledClient
  implements
    PooledRelayOptions,
    ConnectionHandler,
    Served,
    Cancellable,
    Wakeful,
    HookedOwner,
    FactsSource
{
  client: Connection;
  hooked: HookedClient | undefined;
  readonly context: SessionContext;
  readonly facts: SessionFacts;
  block: ServingBlock;
  lane: PairLane<PooledBackend>;
  isOutdated = false;
  readonly asked: Settings;
  settings: Settings;
  told: ReadonlyMap<string, string>;
  ownName: string | undefined;
  statements: KeptStatements | undefined;
  readonly #pooling: ClientPooling;
  readonly #startup: Pick<PooledStartup, "user" | "database">;
  readonly #owner: PooledClientOwner;
  readonly #keyName: string;
  /** While it is awake. */
  #relay: PooledRelay | undefined;
  /** How many units were answered when it was looked at last. */
  #cyclesSeen = 0;
  /** At rest, if its idle time is limited. */
  #idle: Deadline | undefined;
  #isOver = false;

  constructor(options: PooledClientOptions) {
    const { client, context, greeting } = options;
    this.client = client;
    this.hooked = options.hooked;
    this.context = context;
    this.facts = options.facts;
    this.block = options.block;
    this.lane = options.lane;
    this.asked = greeting.settings;
    this.settings = greeting.settings;
    this.told = greeting.parameters;
    this.#pooling = options.pooling;
    this.#startup = options.startup;
    this.#owner = options.owner;
    this.#keyName = context.cancelKeys.add(options.cancelKey, this);
  }

  /** @param rest what the client sent behind its login */
  start(rest: Uint8Array): void {
    const { limits, timers } = this.context;
    this.#listen();
    if (limits.idleTimeoutMs > 0) this.#limitIdle(timers.clock.now() + limits.idleTimeoutMs);
    this.hooksMoved();
    if (rest.length > 0) this.client.handler.onData(rest, this.client);
  }

  get activity(): SessionActivity {
    return this.#relay?.activity ?? "idle";
  }

  get holding(): Holding | undefined {
    return this.#relay?.holding;
  }

  get transactionStatus(): number {
    return TransactionStatus.Idle;
  }

  get applicationName(): string | undefined {
    return this.ownName ?? this.told.get("application_name");
  }

  get idleUntilMs(): number | undefined {
    return this.#idle?.atMs;
  }

  get place(): ServerPlace {
    return this.block.place;
  }

  get lease(): undefined {
    return undefined;
  }

  settingsChanged(): void {
    if (this.#isOver) return;
    this.isOutdated = true;
    const relay = this.#relay;
    if (relay === undefined) {
      this.#follow();
      return;
    }
    relay.settingsChanged(this.#isLeftBehind);
    this.renew(NOTHING);
  }

  renew(bytes: Uint8Array): boolean {
    const left = this.#relay?.rest();
    if (left === undefined) return false;
    this.#rest(left);
    if (bytes.length > 0 && !this.#isOver) this.client.handler.onData(bytes, this.client);
    return true;
  }

  /** Its block is no more, in a group that still is of the same kind. */
  get #isLeftBehind(): boolean {
    return this.block.pool.isRetired && this.context.pooling === this.#pooling;
  }

  drain(code: ErrorCode): void {
    if (this.#relay !== undefined) this.#relay.drain(code);
    else if (!this.#isOver) this.fail(code);
  }

  fail(code: ErrorCode, detail?: string): void {
    if (this.#relay !== undefined) {
      this.#relay.fail(code, detail);
      return;
    }
    // What it is told last may be with a handler still.
    if (isGoodbye(code)) this.hooked?.giveUp();
    if (this.#isOver) return;
    this.client.write(this.facts.lastWords(code));
    this.#end({ kind: "failed", code, ...(detail !== undefined && { detail }) });
  }

  async cancel(): Promise<void> {
    await this.#relay?.cancel();
  }

  /** Heard at rest, from here to `unhook`. */
  onData(bytes: Uint8Array, from: Connection): void {
    this.#wake().onData(bytes, from);
  }

  onStall(at: Connection): void {
    this.#wake().onStall(at);
  }

  onDrain(): void {}

  onEnd(): void {
    this.#end({ kind: "clientGone" });
  }

  onClose(): void {
    this.#end({ kind: "clientGone" });
  }

  /** What is with a handler, or a part of a message, is under way. */
  hooksMoved(): void {
    if (this.#isOver || this.hooked === undefined || this.hooked.isQuiet) return;
    this.#wake().hooksMoved();
  }

  unhook(client: Connection): void {
    this.client = client;
    this.hooked = undefined;
    this.#listen();
  }

  restIfIdle(): void {
    const relay = this.#relay;
    if (relay === undefined) return;
    const { cycles } = relay.ledger;
    const isIdle = cycles === this.#cyclesSeen;
    this.#cyclesSeen = cycles;
    const left = isIdle ? relay.rest() : undefined;
    if (left !== undefined) this.#rest(left);
  }

  pinned(reason: string): void {
    const { context, block, facts } = this;
    const { name } = block.pool;
    context.watch?.block(name).pinned(facts, reason);
    if (!context.logger.isEnabled("debug")) return;
    context.logger.debug("A session keeps its server connection", {
      name,
      client: this.client.remoteAddress,
      reason,
      ...connectionFields(facts, context.traceIdOf),
    });
  }

  leave(): void {
    this.#isOver = true;
    this.context.cancelKeys.remove(this.#keyName, this);
    this.block.awake.remove(this);
    this.#idle?.dispose();
  }

  ended(end: RelayEnd): void {
    this.#pooling.gate.leave(this.#startup.user, this.#startup.database);
    this.#owner.ended(end);
  }

  #wake(): PooledRelay {
    const relay = new PooledRelay(this);
    this.#relay = relay;
    this.#cyclesSeen = 0;
    this.statements = undefined;
    this.#idle?.dispose();
    this.#idle = undefined;
    this.block.awake.add(this);
    relay.start();
    return relay;
  }

  #rest(left: SessionAtRest): void {
    this.#relay = undefined;
    this.block.awake.remove(this);
    this.client = left.client;
    this.hooked = left.hooked;
    this.lane = left.lane;
    this.settings = left.settings;
    this.told = left.told;
    this.ownName = left.ownName;
    this.statements = left.statements;
    this.#listen();
    if (left.idleUntilMs !== undefined) this.#limitIdle(left.idleUntilMs);
    if (this.isOutdated) this.#follow();
  }

  /** At rest: takes the settings that the group has now; without any block for it, it is told to leave. */
  #follow(): void {
    this.isOutdated = false;
    const { limits, timers } = this.context;
    if (limits.idleTimeoutMs === 0) this.#idle?.clear();
    else if (this.#idle?.isSet !== true) {
      this.#limitIdle(timers.clock.now() + limits.idleTimeoutMs);
    } else this.#idle.set(limits.idleTimeoutMs);
    if (this.context.pooling !== this.#pooling) return;
    try {
      this.#move();
    } catch (thrown) {
      const { code, message } = GatewayError.from(thrown);
      this.fail(code === "ERR_DATABASE_UNKNOWN" ? "ERR_BLOCK_REMOVED" : code, message);
    }
  }

  #move(): void {
    const { user, database } = this.#startup;
    const { block, lane } = this.#pooling.goOn(this.client, user, database, this.block);
    if (block.pool.name !== this.facts.block) this.#owner.movedTo(block.pool.name);
    // In session mode what is prepared is kept by the server, where this session has nothing yet.
    const keepsMode = block.mode === "session" && this.statements !== undefined;
    this.block = keepsMode ? { ...block, mode: this.block.mode } : block;
    this.lane = lane;
  }

  #listen(): void {
    this.client.handler = this;
    if (this.hooked !== undefined) this.hooked.owner = this;
    this.facts.source = this;
  }

  #limitIdle(untilMs: number): void {
    this.#idle = this.context.timers.deadline(() => this.fail(EXPIRED.idle));
    this.#idle.setAt(untilMs);
  }

  #end(end: RelayEnd): void {
    if (this.#isOver) return;
    this.leave();
    if (this.hooked === undefined) this.ended(end);
    else this.hooked.finish(() => this.ended(end));
  }
}
