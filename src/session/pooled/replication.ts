/**
 * A replication connection (PostgreSQL manual, 54.4) through a pooled group: the gateway logs the client
 * in, as any other, and then a server connection that is nobody else's, for as long as the client stays.
 * It is no part of the pool and does not count against its `size`: the server counts it by itself, by
 * `max_wal_senders`. What counts is its socket, as one more client.
 *
 *   opening   the server is dialled and logged in to
 *   opened    it is there; OnOpened runs
 *   serving   a {@link PostgresRelay} has both
 *   over
 */
import { Backend } from "../../backend/index.ts";
import type { LoggedInServer } from "../../backend/index.ts";
import type { ErrorCode } from "../../errors.ts";
import { GatewayError } from "../../errors.ts";
import type { Connection } from "../../net/index.ts";
import { BackendTag, BackendWriter, HEADER_BYTES } from "../../postgres/index.ts";
import { TransactionStatus, readyForQuery } from "../../postgres/index.ts";
import { ownServer } from "../holding.ts";
import type { Holding } from "../holding.ts";
import { PostgresRelay } from "../postgres-relay.ts";
import type { RelayEnd, Served, SessionActivity } from "../relay.ts";
import type { SessionContext } from "../session-context.ts";
import type { SessionFacts } from "../session-facts.ts";
import { connectionFields } from "../../watch/index.ts";
import type { Destination, ReplicationStartup } from "./pooling.ts";

export interface ReplicationOptions {
  readonly context: SessionContext;
  readonly facts: SessionFacts;
  readonly destination: Destination;
  readonly startup: ReplicationStartup;
}

/** Nothing is said for so long that nothing would be the matter. */
const NO_LIMITS = { receiveTimeoutMs: 0, receiveDeadlineMs: 0, sendDeadlineMs: 0 };

export class Replication implements Served {
  readonly #options: ReplicationOptions;
  readonly #abort = new AbortController();
  #backend: Backend | undefined;
  #keyData: Uint8Array | undefined;
  #greeting: Uint8Array = new Uint8Array(0);
  #relay: PostgresRelay | undefined;
  #isAdmitted = false;
  #isOver = false;

  constructor(options: ReplicationOptions) {
    this.#options = options;
  }

  /** The connection to the server, as hooks are told. */
  get server(): Connection | undefined {
    return this.#backend?.connection;
  }

  /**
   * Resolves when a client can be served.
   * @throws GatewayError ERR_TOO_MANY_CLIENTS, or as logging in to the server does
   */
  async open(): Promise<void> {
    const { context, destination, startup } = this.#options;
    this.#admit();
    try {
      const { block, lane } = destination;
      this.#opened(await block.openReplication(lane.pair, startup, this.#abort.signal));
    } catch (thrown) {
      this.#leave();
      throw thrown;
    }
    context.logger.debug("A replication connection was opened", {
      name: destination.block.pool.name,
      ...connectionFields(this.#options.facts, context.traceIdOf),
    });
  }

  /**
   * @param isHooked the client's traffic goes through hooks already
   * @param rest what the client sent behind its login
   */
  serve(
    client: Connection,
    isHooked: boolean,
    rest: Uint8Array,
    onEnd: (end: RelayEnd) => void,
  ): void {
    const backend = this.#backend;
    if (backend?.connection.isOpen !== true) {
      throw new GatewayError("ERR_SERVER_LOST", "lost before replication began");
    }
    const context = isHooked ? unhooked(this.#options.context) : this.#options.context;
    const pool = { name: this.#options.destination.block.pool.name, options: NO_LIMITS };
    this.#relay = new PostgresRelay(client, backend, pool, context, this.#options.facts, (end) => {
      this.giveUp();
      onEnd(end);
    });
    this.#relay.startLoggedIn(this.#greeting, rest);
  }

  get activity(): SessionActivity {
    return this.#relay?.activity ?? "loggingIn";
  }

  get holding(): Holding | undefined {
    return this.#backend && ownServer(this.#backend, this.#keyData, "replication");
  }

  async cancel(): Promise<void> {
    await this.#relay?.cancel();
  }

  /** Its connection is its own, and none of the pool's: only who is led to a block that is no more has to leave. */
  settingsChanged(): void {
    this.#relay?.settingsChanged();
    if (this.#options.destination.block.pool.isRetired) this.drain("ERR_BLOCK_REMOVED");
  }

  drain(code: ErrorCode): void {
    this.#relay?.drain(code);
  }

  fail(code: ErrorCode, detail?: string): void {
    this.#relay?.fail(code, detail);
  }

  /** Lets the server go, or does not wait for it. */
  giveUp(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#abort.abort();
    this.#backend?.retire(() => this.#leave());
  }

  #opened({ opened, login }: LoggedInServer): void {
    const backend = new Backend(opened, this.#options.context.timers.clock.now());
    if (this.#isOver) {
      backend.retire(() => this.#leave());
      return;
    }
    this.#backend = backend;
    // What it says, or that it is lost, while OnOpened runs: `serve` comes to that.
    backend.watch(() => {});
    this.#keyData = login.keyData;
    const writer = new BackendWriter();
    for (const [name, value] of login.parameters) writer.parameterStatus(name, value);
    const key = login.keyData === undefined ? NO_BYTES : keyDataMessage(login.keyData);
    const ready = readyForQuery(TransactionStatus.Idle);
    this.#greeting = Buffer.concat([writer.take(), key, ready]);
  }

  #admit(): void {
    const { budget } = this.#options.context;
    const admission = budget.admit();
    this.#isAdmitted = admission === "admitted";
    if (this.#isAdmitted) return;
    if (admission === "overLimit") budget.release(admission);
    throw new GatewayError("ERR_TOO_MANY_CLIENTS", "no room for the server's side of replication");
  }

  #leave(): void {
    if (!this.#isAdmitted) return;
    this.#isAdmitted = false;
    this.#options.context.budget.release("admitted");
  }
}

const NO_BYTES = new Uint8Array(0);

/** As the server gave it: whoever has it cancels by it. */
function keyDataMessage(keyData: Uint8Array): Uint8Array {
  const message = Buffer.alloc(HEADER_BYTES + keyData.length);
  message[0] = BackendTag.BackendKeyData;
  message.writeInt32BE(message.length - 1, 1);
  message.set(keyData, HEADER_BYTES);
  return message;
}

/** Nothing goes through hooks twice. */
function unhooked(context: SessionContext): SessionContext {
  return { ...context, hooks: { ...context.hooks, traffic: { isAny: false } } };
}
