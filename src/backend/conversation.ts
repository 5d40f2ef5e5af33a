/** One talk with a server on a connection that is lent for it. */
import { GatewayError } from "../errors.ts";
import type { Connection, ConnectionHandler, Deadline, TimerWheel } from "../net/index.ts";

/** What every talk with a server goes by. */
export interface ConversationOptions {
  /** The block the server is of, for messages. */
  readonly block: string;
  /** For the talk as a whole; 0 = no limit. */
  readonly timeoutMs: number;
  readonly timers: TimerWheel;
  /** Gives the talk up, as when a pool closes. */
  readonly signal?: AbortSignal;
}

/**
 * Borrows the connection's handler from `converse` on, and gives it back at the end, with the bytes that
 * came behind the talk. A talk that fails (also by deadline, by signal, by too many bytes, or because
 * the connection is lost) terminates the connection, since nobody knows what it would say next: then
 * the handler that was given back hears of the close. What `converse` answered settles exactly once.
 */
export abstract class Conversation<Result> implements ConnectionHandler {
  protected readonly connection: Connection;
  /** What the talk is for, e.g. `logging in`. */
  readonly #purpose: string;
  readonly #options: ConversationOptions;
  readonly #maxBytes: number;
  readonly #outcome = Promise.withResolvers<Result>();
  #lender: ConnectionHandler | undefined;
  #limit: Deadline | undefined;
  #isOver = false;
  #receivedBytes = 0;

  /** @param maxBytes a server that says more than this in all is not listened to any longer */
  constructor(
    connection: Connection,
    purpose: string,
    maxBytes: number,
    options: ConversationOptions,
  ) {
    this.connection = connection;
    this.#purpose = purpose;
    this.#maxBytes = maxBytes;
    this.#options = options;
  }

  /** Begins the talk. To be called once. */
  converse(): Promise<Result> {
    const { timeoutMs, timers, signal } = this.#options;
    this.#lender = this.connection.handler;
    this.connection.handler = this;
    if (timeoutMs > 0) this.#limit = timers.after(timeoutMs, () => this.#timedOut());
    signal?.addEventListener("abort", this.#abort);
    if (signal?.aborted === true) this.#abort();
    else if (!this.connection.isOpen) this.fail(this.#lost(undefined));
    else this.#guard(() => this.begin());
    return this.#outcome.promise;
  }

  /** Says the first words. What this or `received` throws ends the talk. */
  protected abstract begin(): void;
  /** Hears a piece of what the server says, however it is cut. */
  protected abstract received(chunk: Uint8Array): void;
  /** What to answer for an error that was thrown, e.g. by whoever read a message. */
  protected abstract failureOf(thrown: unknown): GatewayError;

  /** What the server said last, if that may be why it closes. */
  protected get lastWords(): string | undefined {
    return undefined;
  }

  protected get isOver(): boolean {
    return this.#isOver;
  }

  /** The block and what is wrong there. */
  protected describe(what: string): string {
    return `block "${this.#options.block}": ${what}`;
  }

  /** @param rest what came behind the last word of the talk */
  protected succeed(result: Result, rest: Uint8Array): void {
    const lender = this.#end();
    this.#outcome.resolve(result);
    if (rest.length > 0) lender?.onData(rest, this.connection);
  }

  protected fail(error: GatewayError): void {
    if (this.#isOver) return;
    this.#end();
    this.#outcome.reject(error);
    this.connection.terminate();
  }

  onData(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    this.#guard(() => {
      this.received(bytes);
      if (this.#receivedBytes <= this.#maxBytes || this.#isOver) return;
      const what = `the server says more than ${this.#maxBytes} bytes while ${this.#purpose}`;
      throw new GatewayError("ERR_MESSAGE_TOO_LARGE", what);
    });
  }

  /** What is said here is short: it may wait in the connection. */
  onStall(): void {}
  onDrain(): void {}

  onEnd(): void {
    this.fail(this.#lost(undefined));
  }

  onClose(error: Error | undefined): void {
    this.fail(this.#lost(error));
    // A connection that is closed has let go of its handler: nobody else can tell the lender.
    this.#lender?.onClose(error, this.connection);
  }

  #lost(error: Error | undefined): GatewayError {
    const words = this.lastWords ?? error?.message;
    const reason = words === undefined ? "" : `: ${words}`;
    const what = `the server closed the connection while ${this.#purpose}${reason}`;
    return new GatewayError("ERR_SERVER_LOST", this.describe(what), { cause: error });
  }

  #timedOut(): void {
    const what = `the server did not finish ${this.#purpose} within ${this.#options.timeoutMs} ms`;
    this.fail(new GatewayError("ERR_SERVER_TIMEOUT", this.describe(what)));
  }

  readonly #abort = (): void => {
    this.fail(
      new GatewayError("ERR_SHUTTING_DOWN", this.describe(`${this.#purpose} was given up`)),
    );
  };

  #guard(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      // What comes behind the talk, and what its hearer throws at it, is no longer ours.
      if (this.#isOver) throw thrown;
      this.fail(this.failureOf(thrown));
    }
  }

  #end(): ConnectionHandler | undefined {
    this.#isOver = true;
    this.#limit?.dispose();
    this.#options.signal?.removeEventListener("abort", this.#abort);
    const lender = this.#lender;
    if (lender !== undefined && this.connection.isOpen) this.connection.handler = lender;
    return lender;
  }
}
