/**
 * A session's hold on a backend: asked for, lost and asked for again, given back.
 *
 * Until a relay has it the server may drop it, and nobody but us needs to know. A startup that the
 * server left unanswered goes out again on a fresh one. When there is the first one OnOpened and OnTraffic run.
 */
import type { Backend } from "../backend/index.ts";
import type { GatewayError, ErrorCode } from "../errors.ts";
import type { Connection, Deadline } from "../net/index.ts";
import type { Lessor, Ticket, Waiter } from "../pool/index.ts";
import { connectionFields } from "../watch/index.ts";
import type { ConnectionFields } from "../watch/index.ts";
import { runOpened } from "./connection-events.ts";
import type { SessionContext } from "./session-context.ts";
import type { SessionFacts } from "./session-facts.ts";

/** A server that is starting is asked this often whether it is ready. */
const SERVER_START_POLL_MS = 200;

/** A backend, and the pool it belongs to. */
export interface Lease {
  readonly backend: Backend;
  readonly pool: Lessor;
}

/** The session around a lease. */
export interface LeasePort {
  /** Of the client. */
  readonly remoteAddress: string;
  readonly client: Connection;
  readonly facts: SessionFacts;
  /** There is a backend, of this block: the first one, or another in its place. */
  leased(block: string): void;
  /** It may be used; or a handler has ended the client. */
  opened(isTerminated: boolean): void;
  /** There will be none. */
  leaseFailed(code: ErrorCode): void;
}

export class SessionLease implements Waiter {
  readonly #context: SessionContext;
  /** Of the blocks that there were when the client came. */
  readonly #router: SessionContext["router"];
  readonly #port: LeasePort;
  #ticket: Ticket | undefined;
  /** Since when it is asked for, where somebody watches. */
  #askedMs = 0;
  #held: Lease | undefined;
  /** Whether OnOpened and OnTraffic have run. */
  #opened: "no" | "running" | "done" = "no";
  #isStopped = false;
  /** Fresh backends that the startup was lost on. */
  #retries = 0;
  /** The server said that it is still starting: until when it is asked again, and when next. */
  #serverStartsUntilMs: number | undefined;
  #serverStart: Deadline | undefined;

  constructor(context: SessionContext, port: LeasePort) {
    this.#context = context;
    this.#router = context.router;
    this.#port = port;
  }

  /** The group has had blocks of another kind since the client came: it keeps what it has. */
  get isOfOthers(): boolean {
    return this.#router !== this.#context.router;
  }

  get held(): Lease | undefined {
    return this.#held;
  }

  /** The same, when it may be used. */
  get ready(): Lease | undefined {
    return this.#opened === "done" ? this.#held : undefined;
  }

  /** What it has asked by, while it waits. */
  get ticket(): object | undefined {
    return this.#ticket;
  }

  get remoteAddress(): string {
    return this.#port.remoteAddress;
  }

  get logFields(): ConnectionFields {
    return connectionFields(this.#port.facts, this.#context.traceIdOf);
  }

  /** The port may be called before this returns. */
  ask(): void {
    const { watch, timers } = this.#context;
    if (watch !== undefined) this.#askedMs = timers.clock.now();
    const ticket = this.#context.router.lease(this);
    // It may have been answered on the way.
    if (ticket.pool !== undefined) this.#ticket = ticket;
  }

  /**
   * The server did not serve the backend that is held, which is given back for a fresh one; a little
   * later if it said that it is starting.
   */
  askAgain(isStarting: boolean): void {
    const lease = this.#held;
    if (lease === undefined) return;
    const { backend, pool } = lease;
    const { queueTimeoutMs, retries } = pool.options;
    this.giveBack();
    pool.distrustIdle();
    // PostgreSQL drops silently what has waited too long for its startup: that is no failed attempt.
    const hasWaited = !backend.isFresh;
    if (isStarting) this.#awaitServerStart(queueTimeoutMs);
    else if (hasWaited || this.#retries++ < retries) this.ask();
    else this.#port.leaseFailed("ERR_SERVER_UNREACHABLE");
  }

  /** The blocks are others: a backend of one that is no more gives way to another one, while no relay has it. */
  settingsChanged(): void {
    if (this.#held?.pool.isRetired !== true || this.#isStopped) return;
    this.giveBack();
    this.ask();
  }

  /** Asks no more; a backend that is held stays so until `giveBack`. */
  stop(): void {
    this.#isStopped = true;
    this.#serverStart?.dispose();
    this.#withdraw();
  }

  /** Leaves the queue, or lets the backend go. */
  giveBack(): void {
    this.#withdraw();
    const lease = this.#held;
    this.#held = undefined;
    lease?.pool.release(lease.backend);
  }

  onLease(backend: Backend, pool: Lessor): void {
    this.#ticket = undefined;
    this.#held = { backend, pool };
    this.#tellWait(pool.name, undefined);
    // Until a relay takes over the server may still close it, or greet.
    backend.watch(() => this.#lost(backend));
    this.#port.leased(pool.name);
    if (this.#opened === "no") this.#open();
    else if (this.#opened === "done") this.#port.opened(false);
  }

  onLeaseFailed(error: GatewayError): void {
    this.#tellWait(this.#ticket?.pool?.name ?? "", error.code);
    this.#ticket = undefined;
    this.#port.leaseFailed(error.code);
  }

  #open(): void {
    this.#opened = "running";
    runOpened(this.#context.hooks, this.#port.client, this.#port.facts, (isTerminated) => {
      this.#opened = "done";
      this.#port.opened(isTerminated);
    });
  }

  #tellWait(block: string, failure: ErrorCode | undefined): void {
    const { watch, timers } = this.#context;
    if (watch === undefined) return;
    watch.block(block).waited(this.#port.facts, timers.clock.now() - this.#askedMs, failure);
  }

  #withdraw(): void {
    if (this.#ticket !== undefined) this.#context.router.withdraw(this.#ticket);
    this.#ticket = undefined;
  }

  #lost(backend: Backend): void {
    if (this.#held?.backend !== backend) return;
    this.giveBack();
    if (!this.#isStopped) this.ask();
  }

  /** A server that starts is waited for as long as for a free backend. */
  #awaitServerStart(queueTimeoutMs: number): void {
    const { timers } = this.#context;
    const now = timers.clock.now();
    this.#serverStartsUntilMs ??= queueTimeoutMs > 0 ? now + queueTimeoutMs : Infinity;
    if (now < this.#serverStartsUntilMs) {
      this.#serverStart = timers.after(SERVER_START_POLL_MS, () => this.ask());
    } else {
      this.#port.leaseFailed("ERR_SERVER_UNREACHABLE");
    }
  }
}
