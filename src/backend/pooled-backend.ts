/**
 * A connection that is logged in to a server and serves one session after another.
 *
 * It is *idle* (in a pool, watched for its loss), *leased* (its connection belongs to a session), or
 * *retired*. Between two sessions it keeps what they have to know: which settings are in force, and
 * what the server reports.
 */
import type { Address, Connection, ConnectionHandler, TimerWheel } from "../net/index.ts";
import {
  AnswerLedger,
  FrontendWriter,
  MAX_SERVER_MESSAGE_BYTES,
  ReportingServerStream,
  Settings,
  TransactionStatus,
} from "../postgres/index.ts";
import { GatewayError } from "../errors.ts";
import type { ServerEncryption } from "./open-server.ts";
import type { LoggedInServer } from "./server-login.ts";
import { BackendStatements } from "./backend-statements.ts";
import { sharedParameters } from "./shared-parameters.ts";
import { runSimpleQuery } from "./simple-query.ts";
import type { SimpleAnswer, SimpleQueryOptions } from "./simple-query.ts";

export interface PooledBackendOptions extends LoggedInServer {
  /** The block, for messages. */
  readonly block: string;
  readonly timers: TimerWheel;
  /** Shared statements that are kept on it. Default 200. */
  readonly maxStatements?: number;
}

interface RunOptions extends Partial<Pick<SimpleQueryOptions, "values" | "timeoutMs">> {
  readonly mayBeInTransaction?: boolean;
}

const DEFAULT_MAX_STATEMENTS = 200;
/** How long the server may take for what is asked outside of sessions. */
const QUERY_TIMEOUT_MS = 10_000;
const TERMINATE = new FrontendWriter().terminate().take();

export class PooledBackend implements ConnectionHandler {
  readonly connection: Connection;
  readonly address: Address;
  readonly encryption: ServerEncryption | undefined;
  readonly dialledAtMs: number;
  /** Process id and secret, to cancel what it runs; undefined from a server that has none. */
  readonly keyData: Uint8Array | undefined;
  /**
   * What the server reports of its session: another map whenever something changes, and the same one as
   * on other backends when it is the same.
   */
  parameters: ReadonlyMap<string, string>;
  /** What sessions have set and not reset. */
  settings = Settings.NONE;
  /** A cancel request may still come: it is not to be given to another session. */
  mayBeStruck = false;
  /** The prepared statements that sessions share. */
  readonly statements: BackendStatements;
  readonly #block: string;
  readonly #timers: TimerWheel;
  #onLost: (() => void) | undefined;
  /** Follows what the server says while nobody has asked. */
  readonly #idleStream: ReportingServerStream;

  constructor({
    opened,
    login,
    block,
    timers,
    maxStatements = DEFAULT_MAX_STATEMENTS,
  }: PooledBackendOptions) {
    this.connection = opened.connection;
    this.address = opened.address;
    this.encryption = opened.encryption;
    this.dialledAtMs = timers.clock.now();
    this.keyData = login.keyData;
    this.parameters = sharedParameters(login.parameters);
    this.#block = block;
    this.#timers = timers;
    this.statements = new BackendStatements(maxStatements);
    this.#idleStream = new ReportingServerStream(
      new AnswerLedger(),
      MAX_SERVER_MESSAGE_BYTES,
      (name, value) => this.report(name, value),
    );
  }

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  /** The server has reported a parameter. */
  report(name: string, value: string): void {
    if (this.parameters.get(name) !== value) {
      this.parameters = sharedParameters(new Map([...this.parameters, [name, value]]));
    }
  }

  /** Idle: hears what the server reports, and tells of the loss of the connection once. */
  watch(onLost: () => void): void {
    this.#onLost = onLost;
    this.connection.handler = this;
  }

  /** Leased: `handler` hears the connection from now on. */
  take(handler: ConnectionHandler): void {
    this.connection.handler = handler;
  }

  /**
   * Runs statements outside of any session's units, and follows what the server reports.
   * @param options `mayBeInTransaction`: the session is in one, and stays there
   * @returns the answer, which may be an error of the server, outside a transaction otherwise
   * @throws GatewayError when the connection is lost with it; it is closed then
   */
  async run(statements: string, options: RunOptions = {}): Promise<SimpleAnswer> {
    const { mayBeInTransaction = false, ...others } = options;
    // A Query takes the unnamed statement away.
    this.statements.unnamedOwner = undefined;
    const answer = await runSimpleQuery(this.connection, statements, {
      block: this.#block,
      timeoutMs: QUERY_TIMEOUT_MS,
      timers: this.#timers,
      ...others,
    });
    for (const [name, value] of answer.parameters) this.report(name, value);
    if (answer.status === TransactionStatus.Idle || mayBeInTransaction) return answer;
    throw new GatewayError(
      "ERR_PROTOCOL_VIOLATION",
      `block "${this.#block}": left in a transaction`,
    );
  }

  /** Retired: says goodbye, closes, and tells when the server has let go or was cut off. */
  retire(onGone: () => void): void {
    if (!this.isOpen) {
      onGone();
      return;
    }
    this.#onLost = onGone;
    this.connection.handler = this;
    this.connection.write(TERMINATE);
    this.connection.close();
  }

  /** While it is idle, or on its way out. */
  onData(bytes: Uint8Array): void {
    this.#idleStream.advance(bytes);
  }

  onStall(): void {}
  onDrain(): void {}

  onEnd(): void {
    this.connection.terminate();
  }

  onClose(): void {
    const onLost = this.#onLost;
    this.#onLost = undefined;
    onLost?.();
  }
}
