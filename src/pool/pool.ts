/**
 * The backends of one block: `size` of them, kept full.
 *
 * Every backend has a slot, and a slot is in one of these states:
 *
 *   missing    --dial-->              dialling
 *   dialling   --connected-->         available (or straight to the oldest waiter)
 *              --failed-->            missing, to be dialled again after a pause
 *   available  --lease-->             leased
 *              --lost, or too old-->  missing / retiring
 *   leased     --release untouched--> available
 *              --release used-->      retiring
 *   retiring   --server let go-->     missing
 *
 * The pool never shrinks for good: whatever is missing is dialled again, through outages of any
 * length. While the server cannot be reached a single probe goes on; the first success refills all.
 */
import { Backend } from "../backend/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import type { Deadline, Dialled, TimerWheel } from "../net/index.ts";
import { backoffMs } from "./backoff.ts";
import type { BackoffOptions } from "./backoff.ts";
import { WaitQueue } from "./wait-queue.ts";
import type { Ticket, Waiter } from "./wait-queue.ts";

export interface PoolOptions {
  readonly group: string;
  /** The block's name. */
  readonly name: string;
  /** How many backends, whatever happens. */
  readonly size: number;
  /** Attempts beyond the first that each backend gets at boot. */
  readonly retries: number;
  readonly backoff: BackoffOptions;
  /** How long a client waits for a backend; 0 = for ever. */
  readonly queueTimeoutMs: number;
  /** How many clients may wait; 0 = any number. */
  readonly maxWaiting: number;
  /**
   * Idle backends are replaced before they are this old, because PostgreSQL drops connections that
   * have not logged in within its `authentication_timeout`; 0 = never.
   */
  readonly healthCheckPeriodMs: number;
  /** How long a server that owes an answer may be silent; 0 = for ever. */
  readonly receiveTimeoutMs: number;
  /** How long after dialling a backend may be read from and written to; 0 = for ever. */
  readonly receiveDeadlineMs: number;
  readonly sendDeadlineMs: number;
  /** Opens one connection, resolving the name anew: an address that changed is seen at once. */
  readonly dial: () => Promise<Dialled>;
  readonly timers: TimerWheel;
  readonly random: () => number;
  readonly logger: Logger;
}

/** What a pool looks like from outside at one moment. */
export interface PoolSnapshot {
  readonly size: number;
  readonly available: number;
  readonly leased: number;
  readonly retiring: number;
  readonly waiting: number;
}

/** Dials at once when the pool fills: enough to be quick, not so many as to storm the server. */
const FILL_CONCURRENCY = 16;
/** While the server is down: first pause between probes, and the longest one. */
const PROBE_MS = 100;
const MAX_PROBE_MS = 1_000;
/** Idle backends are replaced at this part of `healthCheckPeriod`, less up to a tenth of it. */
const RECYCLE_AT = 0.75;

export class Pool {
  readonly name: string;
  readonly options: PoolOptions;
  readonly #timers: TimerWheel;
  readonly #logger: Logger;
  /** Leased from the end, so that what is left over grows old and is replaced. */
  readonly #available: Backend[] = [];
  readonly #leased = new Set<Backend>();
  readonly #queue = new WaitQueue();
  readonly #recycleTimer: Deadline;
  readonly #refillTimer: Deadline;
  readonly #queueTimer: Deadline;
  #dialling = 0;
  #retiring = 0;
  /** Failed dials in a row; 0 while the server can be reached. */
  #failures = 0;
  #isClosed = false;
  #isRecycling = false;
  /** The server is back after an outage, but the pool is not full yet. */
  #isRecovering = false;
  /** Called when the first backend lives again after none did. */
  onLive: (() => void) | undefined;
  /** Called when the last live backend was lost. */
  onDead: (() => void) | undefined;
  /** Called when a closed pool has let go of its last backend. */
  #onEmpty: (() => void) | undefined;

  constructor(options: PoolOptions) {
    this.name = options.name;
    this.options = options;
    this.#timers = options.timers;
    this.#logger = options.logger;
    this.#recycleTimer = options.timers.deadline(() => void this.#recycleOldest());
    this.#refillTimer = options.timers.deadline(() => this.#refill());
    this.#queueTimer = options.timers.deadline(() => this.#expireWaiters());
  }

  /** Has at least one backend that is known to work. */
  get isLive(): boolean {
    return this.#available.length + this.#leased.size > 0;
  }

  /** The load a balancer compares: leased backends and clients waiting for one. */
  get leasedCount(): number {
    return this.#leased.size + this.#queue.length;
  }

  snapshot(): PoolSnapshot {
    return {
      size: this.options.size,
      available: this.#available.length,
      leased: this.#leased.size,
      retiring: this.#retiring,
      waiting: this.#queue.length,
    };
  }

  /** The backends in the pool, for events that tell of each. */
  get available(): readonly Backend[] {
    return this.#available;
  }

  /**
   * Fills the pool for the first time.
   * @throws GatewayError ERR_POOL_BOOT_FAILED when a backend cannot be had within the retries
   */
  async open(): Promise<void> {
    try {
      // The first one alone: a server that is down is then reported once, not for every backend.
      this.#admit(await this.#dialWithRetries());
      let missing = this.options.size - 1;
      const fill = async (): Promise<void> => {
        while (missing-- > 0) this.#admit(await this.#dialWithRetries());
      };
      await Promise.all(Array.from({ length: Math.min(FILL_CONCURRENCY, missing) }, fill));
    } catch (thrown) {
      await this.close();
      const { message } = GatewayError.from(thrown);
      throw new GatewayError(
        "ERR_POOL_BOOT_FAILED",
        `failed to fill pool ${this.options.group}.${this.name}: ${message}`,
        { cause: thrown },
      );
    }
  }

  /** Gives the waiter a backend now, or a place in the queue; or refuses when that is full. */
  lease(ticket: Ticket): void {
    const backend = this.#queue.length === 0 ? this.#available.pop() : undefined;
    if (backend !== undefined) {
      this.#hand(backend, ticket.waiter);
      return;
    }
    const { maxWaiting } = this.options;
    if (this.#isClosed) {
      ticket.waiter.onLeaseFailed(new GatewayError("ERR_SHUTTING_DOWN"));
    } else if (maxWaiting > 0 && this.#queue.length >= maxWaiting) {
      ticket.waiter.onLeaseFailed(new GatewayError("ERR_QUEUE_FULL"));
    } else {
      ticket.pool = this;
      this.#queue.add(ticket);
      if (this.#queue.oldest === ticket) this.#armQueueTimer();
    }
  }

  /** Takes a waiter out of the queue: it left, or goes elsewhere. */
  withdraw(ticket: Ticket): void {
    if (ticket.pool !== this) return;
    ticket.pool = undefined;
    this.#queue.remove(ticket);
  }

  /** Empties the queue, oldest first, for a move to other pools. */
  takeWaiters(): readonly Ticket[] {
    const tickets: Ticket[] = [];
    for (let ticket = this.#queue.takeOldest(); ticket; ticket = this.#queue.takeOldest()) {
      ticket.pool = undefined;
      tickets.push(ticket);
    }
    return tickets;
  }

  /** Takes a leased backend back: as it is when nothing went through it, else it is replaced. */
  release(backend: Backend): void {
    if (!this.#leased.delete(backend)) return;
    if (!backend.isUsed && backend.connection.isOpen && !this.#isClosed) {
      this.#offer(backend);
      return;
    }
    this.#retire(backend);
  }

  /** Lets everything go: waiters fail, backends are closed. Resolves when the last one is gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of [this.#recycleTimer, this.#refillTimer, this.#queueTimer]) timer.dispose();
    for (const { waiter } of this.takeWaiters()) {
      waiter.onLeaseFailed(new GatewayError("ERR_SHUTTING_DOWN"));
    }
    for (const backend of this.#available.splice(0)) this.#retire(backend);
    if (this.#isEmpty) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    await promise;
  }

  get #isEmpty(): boolean {
    return this.#leased.size + this.#retiring + this.#dialling === 0;
  }

  get #missing(): number {
    const { size } = this.options;
    return size - this.#available.length - this.#leased.size - this.#dialling - this.#retiring;
  }

  async #dialWithRetries(): Promise<Dialled> {
    const { retries, backoff, dial } = this.options;
    for (let attempt = 0; ; attempt++) {
      this.#dialling++;
      try {
        return await dial();
      } catch (thrown) {
        if (attempt >= retries || this.#isClosed) throw thrown;
        const waitMs = backoffMs(attempt, backoff);
        this.#logger.error("Failed to connect to the server, trying again", {
          error: GatewayError.from(thrown),
          attempt: attempt + 1,
          retries,
          delay: `${waitMs}ms`,
          name: this.name,
        });
        await new Promise<void>((resolve) => this.#timers.after(waitMs, resolve));
      } finally {
        this.#dialling--;
      }
    }
  }

  /** Takes in a connection that was just dialled. */
  #admit({ connection, address }: Dialled): void {
    const backend = new Backend(connection, address, this.#timers.clock.now());
    if (this.#isClosed || !connection.isOpen) {
      this.#retire(backend);
      return;
    }
    this.#failures = 0;
    const wasLive = this.isLive;
    this.#offer(backend);
    if (!wasLive) this.onLive?.();
  }

  /** A backend is free: the oldest waiter's, or for the next one who comes. */
  #offer(backend: Backend): void {
    const ticket = this.#queue.takeOldest();
    if (ticket !== undefined) {
      ticket.pool = undefined;
      this.#hand(backend, ticket.waiter);
      return;
    }
    backend.watch(() => this.#lost(backend));
    this.#available.push(backend);
    this.#armRecycleTimer();
  }

  #hand(backend: Backend, waiter: Waiter): void {
    this.#leased.add(backend);
    waiter.onLease(backend, this);
  }

  #lost(backend: Backend): void {
    const index = this.#available.indexOf(backend);
    if (index < 0) return;
    this.#available.splice(index, 1);
    this.#logger.debug("A server connection was closed by the server", {
      name: this.name,
    });
    this.#shrunk();
  }

  #retire(backend: Backend): void {
    this.#retiring++;
    backend.retire(() => {
      this.#retiring--;
      this.#shrunk();
    });
  }

  /** A slot became free. */
  #shrunk(): void {
    if (this.#isClosed) {
      if (this.#isEmpty) this.#onEmpty?.();
      return;
    }
    if (!this.isLive) this.onDead?.();
    if (!this.#refillTimer.isSet) this.#refill();
  }

  /** Dials what is missing: many at once while the server answers, one probe while it does not. */
  #refill(): void {
    const limit = this.#failures > 0 ? 1 : FILL_CONCURRENCY;
    while (!this.#isClosed && this.#missing > 0 && this.#dialling < limit) void this.#dialOne();
  }

  async #dialOne(): Promise<void> {
    this.#dialling++;
    try {
      const dialled = await this.options.dial();
      this.#dialling--;
      if (this.#failures > 0) {
        this.#isRecovering = true;
        this.#logger.info("The server can be reached again", { name: this.name });
      }
      this.#admit(dialled);
      this.#refill();
      this.#announceRecovery();
    } catch (thrown) {
      this.#dialling--;
      this.#dialFailed(GatewayError.from(thrown));
    }
    if (this.#isClosed && this.#isEmpty) this.#onEmpty?.();
  }

  /** Once, when the pool is full again after an outage. */
  #announceRecovery(): void {
    if (!this.#isRecovering || this.#missing > 0 || this.#dialling > 0) return;
    this.#isRecovering = false;
    this.#logger.info("There are clients available in the pool", {
      count: this.#available.length,
      name: this.name,
    });
  }

  #dialFailed(error: GatewayError): void {
    if (this.#isClosed) return;
    this.#failures++;
    if (this.#failures === 1) {
      this.#logger.error("Failed to connect to the server, trying until it answers", {
        error,
        name: this.name,
        missing: this.#missing,
      });
    }
    const pauseMs = Math.min(PROBE_MS * 2 ** (this.#failures - 1), MAX_PROBE_MS);
    if (!this.#refillTimer.isSet)
      this.#refillTimer.set(pauseMs * (0.8 + 0.4 * this.options.random()));
  }

  #armQueueTimer(): void {
    const oldest = this.#queue.oldest;
    const { queueTimeoutMs } = this.options;
    if (oldest === undefined || queueTimeoutMs === 0) return;
    this.#queueTimer.set(Math.max(0, oldest.sinceMs + queueTimeoutMs - this.#timers.clock.now()));
  }

  #expireWaiters(): void {
    const expired = this.#timers.clock.now() - this.options.queueTimeoutMs;
    for (let ticket = this.#queue.oldest; ticket; ticket = this.#queue.oldest) {
      if (ticket.sinceMs > expired) break;
      this.withdraw(ticket);
      const code = this.isLive ? "ERR_POOL_EXHAUSTED" : "ERR_SERVER_UNREACHABLE";
      ticket.waiter.onLeaseFailed(new GatewayError(code));
    }
    this.#armQueueTimer();
  }

  /** When an idle backend is due for replacement, on the pool's clock. */
  #recycleAtMs(backend: Backend): number {
    return backend.dialledAtMs + this.options.healthCheckPeriodMs * RECYCLE_AT;
  }

  #oldest(): Backend | undefined {
    let oldest = this.#available[0];
    for (const backend of this.#available) {
      if (oldest !== undefined && backend.dialledAtMs < oldest.dialledAtMs) oldest = backend;
    }
    return oldest;
  }

  #armRecycleTimer(): void {
    if (this.#recycleTimer.isSet || this.#isRecycling) return;
    if (this.options.healthCheckPeriodMs === 0) return;
    const oldest = this.#oldest();
    if (oldest === undefined) return;
    const jitter = 1 - 0.1 * this.options.random();
    const dueMs = (this.#recycleAtMs(oldest) - this.#timers.clock.now()) * jitter;
    this.#recycleTimer.set(Math.max(0, dueMs));
  }

  /** Replaces idle backends that are due, one at a time: the next when the new one is there. */
  async #recycleOldest(): Promise<void> {
    this.#isRecycling = true;
    try {
      const now = this.#timers.clock.now();
      const slackMs = this.options.healthCheckPeriodMs * RECYCLE_AT * 0.1;
      for (;;) {
        const oldest = this.#oldest();
        if (oldest === undefined || this.#isClosed) return;
        if (this.#recycleAtMs(oldest) - slackMs > now) return;
        this.#available.splice(this.#available.indexOf(oldest), 1);
        await this.#replace(oldest);
      }
    } finally {
      this.#isRecycling = false;
      if (!this.#isClosed) this.#armRecycleTimer();
    }
  }

  async #replace(backend: Backend): Promise<void> {
    this.#retiring++;
    await new Promise<void>((resolve) => backend.retire(resolve));
    this.#retiring--;
    if (this.#isClosed) this.#shrunk();
    else await this.#dialOne();
  }
}
