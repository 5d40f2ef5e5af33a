/**
 * Asks a server about users, one after the other, on a connection of its own.
 *
 *   closed      nobody asks
 *   asking      the connection is being opened, or has a question
 *   resting     it is open and has none; closed after a while
 *   pausing     only strangers wait, and their next turn has not come
 *   over        it was closed for good
 *
 * A question that fails for want of a server fails for all that wait behind it: each of them would have to
 * wait for the same.
 */
import { userOfRows } from "../auth/index.ts";
import type { User } from "../auth/index.ts";
import { GatewayError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";
import type { PooledBackend } from "./pooled-backend.ts";

export interface UserQueryOptions {
  /** A statement with the name as $1, whose answer is a row of name, secret and valid_until. */
  readonly sql: string;
  /** Dials and logs in. After `signal` it must end soon. */
  readonly connect: (signal: AbortSignal) => Promise<PooledBackend>;
  readonly timers: TimerWheel;
}

interface Question {
  readonly name: string;
  readonly answer: (user: User | undefined) => void;
  readonly fail: (error: GatewayError) => void;
}

/** How long the server may take to answer, once it is connected. */
export const USER_QUERY_LIMIT_MS = 5_000;
const REST_MS = 60_000;
const MAX_WAITING = 1_000;
/** Names that were never heard before and are nobody's: so many at once, and then one in so long. */
const MAX_NOBODIES = 100;
const NOBODY_PAUSE_MS = 10;
/** How much the latest question counts for how long one usually takes. */
const WEIGHT = 0.2;

export class UserQuery {
  readonly #options: UserQueryOptions;
  readonly #closing = new AbortController();
  readonly #acquaintances: Question[] = [];
  readonly #strangers: Question[] = [];
  readonly #wake: Deadline;
  readonly #rest: Deadline;
  #backend: PooledBackend | undefined;
  #isAsking = false;
  /** When the pauses after those that were nobody's are over. */
  #pausedUntilMs = 0;
  #usualMs = 0;
  /** Connections that are not gone yet; tells when the last one is. */
  #connections = 0;
  readonly #whenGone = Promise.withResolvers<void>();

  constructor(options: UserQueryOptions) {
    this.#options = options;
    this.#wake = options.timers.deadline(() => this.#next());
    this.#rest = options.timers.deadline(() => this.#leave());
  }

  /** How long the server takes for a question, in the average of the latest; 0 before the first. */
  get usualMs(): number {
    return this.#usualMs;
  }

  /**
   * What the server says of a name; undefined if there is no such user.
   * @param isStranger those wait for the others, and for each other
   * @throws GatewayError (as a rejection) ERR_AUTH_LOOKUP when the answer makes no sense, or what keeps the
   *   server from answering: ERR_SERVER_UNREACHABLE, ERR_SERVER_LOGIN, ERR_SERVER_LOST, ...
   */
  ask(name: string, isStranger: boolean): Promise<User | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<User | undefined>();
    const waiting = this.#strangers.length + this.#acquaintances.length;
    if (this.#closing.signal.aborted) reject(new GatewayError("ERR_SHUTTING_DOWN"));
    else if (waiting >= MAX_WAITING) {
      reject(new GatewayError("ERR_AUTH_LOOKUP", `${waiting} users wait to be looked up`));
    } else {
      const question = { name, answer: resolve, fail: reject };
      (isStranger ? this.#strangers : this.#acquaintances).push(question);
      this.#next();
    }
    return promise;
  }

  /** Fails what waits. Resolves when the connection is gone. */
  async close(): Promise<void> {
    this.#closing.abort(new GatewayError("ERR_SHUTTING_DOWN"));
    this.#wake.dispose();
    this.#failAll(new GatewayError("ERR_SHUTTING_DOWN"));
    if (this.#isAsking) this.#backend?.connection.terminate();
    else this.#leave();
    this.#closed();
    await this.#whenGone.promise;
  }

  #next(): void {
    if (this.#isAsking) return;
    const question = this.#acquaintances.shift() ?? this.#stranger();
    if (question === undefined) return;
    this.#isAsking = true;
    this.#wake.clear();
    this.#rest.clear();
    void this.#answer(question);
  }

  /** The next one whose turn has come. */
  #stranger(): Question | undefined {
    const nowMs = this.#options.timers.clock.now();
    const waitMs = this.#pausedUntilMs - nowMs - MAX_NOBODIES * NOBODY_PAUSE_MS;
    if (waitMs <= 0) return this.#strangers.shift();
    if (this.#strangers.length > 0) this.#wake.set(waitMs);
    return undefined;
  }

  async #answer({ name, answer, fail }: Question): Promise<void> {
    const { timers } = this.#options;
    try {
      const user = await this.#askServer(name);
      if (user === undefined) {
        this.#pausedUntilMs = Math.max(this.#pausedUntilMs, timers.clock.now()) + NOBODY_PAUSE_MS;
      }
      answer(user);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      fail(error);
      if (error.code !== "ERR_AUTH_LOOKUP") this.#failAll(error);
    }
    this.#isAsking = false;
    if (this.#closing.signal.aborted) this.#leave();
    else if (this.#backend !== undefined) this.#rest.set(REST_MS);
    this.#closed();
    this.#next();
  }

  async #askServer(name: string): Promise<User | undefined> {
    const rested = this.#backend;
    if (rested !== undefined) {
      try {
        return await this.#run(rested, name);
      } catch (thrown) {
        // It may have been lost while nobody asked.
        if (GatewayError.from(thrown).code !== "ERR_SERVER_LOST") throw thrown;
      }
    }
    return await this.#run(await this.#connect(), name);
  }

  async #connect(): Promise<PooledBackend> {
    this.#closing.signal.throwIfAborted();
    const backend = await this.#options.connect(this.#closing.signal);
    this.#backend = backend;
    this.#connections++;
    backend.watch(() => this.#gone(backend));
    return backend;
  }

  async #run(backend: PooledBackend, name: string): Promise<User | undefined> {
    const { clock } = this.#options.timers;
    const beganMs = clock.now();
    const options = { values: [name], timeoutMs: USER_QUERY_LIMIT_MS };
    const { rows, error } = await backend.run(this.#options.sql, options).catch((thrown) => {
      // Nobody knows what state it is in.
      backend.connection.terminate();
      this.#closing.signal.throwIfAborted();
      throw asLookupError(GatewayError.from(thrown));
    });
    const tookMs = clock.now() - beganMs;
    this.#usualMs += (this.#usualMs === 0 ? 1 : WEIGHT) * (tookMs - this.#usualMs);
    if (error === undefined) return userOfRows(name, rows);
    throw new GatewayError("ERR_AUTH_LOOKUP", `auth.query: ${error.code} ${error.message}`);
  }

  #leave(): void {
    const backend = this.#backend;
    if (backend === undefined || this.#isAsking) return;
    this.#rest.dispose();
    this.#backend = undefined;
    backend.retire(() => this.#gone(backend));
  }

  #gone(backend: PooledBackend): void {
    if (this.#backend === backend) {
      this.#backend = undefined;
      this.#rest.dispose();
    }
    this.#connections--;
    this.#closed();
  }

  #closed(): void {
    const isOver = this.#closing.signal.aborted && !this.#isAsking && this.#connections === 0;
    if (isOver) this.#whenGone.resolve();
  }

  #failAll(error: GatewayError): void {
    for (const { fail } of [...this.#acquaintances.splice(0), ...this.#strangers.splice(0)]) {
      fail(error);
    }
  }
}

/** What a statement can make of a server: nothing that is wrong with the server. */
const OF_THE_STATEMENT: ReadonlySet<ErrorCode> = new Set([
  "ERR_PROTOCOL_VIOLATION",
  "ERR_MESSAGE_TOO_LARGE",
]);

function asLookupError(error: GatewayError): GatewayError {
  if (!OF_THE_STATEMENT.has(error.code)) return error;
  return new GatewayError("ERR_AUTH_LOOKUP", `auth.query: ${error.message}`, { cause: error });
}
