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
import type { OpenedServer } from "../backend/index.ts";
import { GatewayError } from "../errors.ts";
import type { ChoosablePool } from "./block-choice.ts";
import { DialPacing, FILL_CONCURRENCY } from "./dial-pacing.ts";
import { dialWithRetries } from "./dial-with-retries.ts";
import type { PooledServer, PoolWaiter } from "./pool-contents.ts";
import type { PoolOptions, PoolSettings, PoolSnapshot } from "./pool-options.ts";
import { Recycler } from "./recycler.ts";
import { WaitQueue } from "./wait-queue.ts";
import type { Lessor, Ticket, Waiter } from "./wait-queue.ts";

export class Pool implements Lessor, ChoosablePool<Ticket> {
  readonly name: string;
  /** The same object always: {@link reconfigure} changes what it says. */
  readonly options: PoolOptions;
  /** Leased from the end, so that what is left over grows old and is replaced. */
  readonly #available: Backend[] = [];
  readonly #leased = new Set<Backend>();
  readonly #queue: WaitQueue<Ticket>;
  readonly #recycler: Recycler;
  readonly #pacing: DialPacing;
  #dialling = 0;
  #replaced = 0;
  #retiring = 0;
  /** After an outage or a loss the pool is not full yet. */
  #isRecovering = false;
  /** Filled for the first time: from then on what is missing is dialled by itself. */
  #isOpen = false;
  readonly #closing = new AbortController();
  #isRetired = false;
  /** `onDead` was called, and `onLive` not since. */
  #isReportedDead = false;
  /** Called when the pool lives again after an outage. */
  onLive: (() => void) | undefined;
  /** Called when the pool has no backend, and none can be had. */
  onDead: (() => void) | undefined;
  /** A closed pool has let go of its last backend, and no dial goes on. */
  readonly #emptied = Promise.withResolvers<void>();

  constructor(options: PoolOptions) {
    const { timers, queueTimeoutMs, random } = options;
    this.name = options.name;
    this.options = { ...options };
    this.#queue = new WaitQueue<Ticket>(timers, queueTimeoutMs, (ticket) => {
      const code = this.isLive ? "ERR_POOL_EXHAUSTED" : "ERR_SERVER_UNREACHABLE";
      ticket.waiter.onLeaseFailed(new GatewayError(code));
    });
    this.#recycler = new Recycler({
      // An idle backend is also replaced before its own time is up.
      periodMs: () => {
        const { healthCheckPeriodMs, receiveDeadlineMs, sendDeadlineMs } = this.options;
        return smallestLimit(healthCheckPeriodMs, receiveDeadlineMs, sendDeadlineMs);
      },
      timers,
      random,
      // While no new backend can be had, an old one is better than none.
      oldest: () => (this.#pacing.isFailing ? undefined : this.#oldest()),
      replace: (backend) => this.#replace(backend),
    });
    this.#pacing = new DialPacing(this.options, () => this.#refill());
  }

  /**
   * False while there is no backend, and either the last attempts to get one failed or were turned
   * away, or the server has just closed the ones there were.
   */
  get isLive(): boolean {
    return this.#pacing.isReached || this.#available.length + this.#leased.size > 0;
  }

  /** The load a balancer compares: leased backends and clients waiting for one. */
  get leasedCount(): number {
    return this.#leased.size + this.#queue.length;
  }

  /** The idle backends. */
  get available(): readonly Backend[] {
    return this.#available;
  }

  snapshot(): PoolSnapshot {
    const { oldest } = this.#queue;
    return {
      size: this.options.size,
      available: this.#available.length,
      leased: this.#leased.size,
      connecting: this.#dialling,
      retiring: this.#retiring,
      waiting: this.#queue.length,
      oldestWaitMs: oldest === undefined ? 0 : this.options.timers.clock.now() - oldest.sinceMs,
      healthChecks: this.#replaced,
    };
  }

  /** Those that are dialled are none yet, and those that are retired are none any more. */
  servers(): readonly PooledServer<Backend>[] {
    const nowMs = this.options.timers.clock.now();
    const all = [...this.#available, ...this.#leased];
    return all.map((backend) => {
      const isLeased = this.#leased.has(backend);
      return {
        backend,
        user: "",
        database: "",
        state: isLeased ? "leased" : "idle",
        // Nobody has had it before.
        idleMs: isLeased ? 0 : nowMs - backend.dialledAtMs,
        uses: backend.isUsed ? 1 : 0,
        // No other client can have it.
        isCondemned: backend.isUsed,
      };
    });
  }

  waiters(): readonly PoolWaiter[] {
    const nowMs = this.options.timers.clock.now();
    return [...this.#queue].map((ticket, index) => ({
      ticket,
      remoteAddress: ticket.waiter.remoteAddress,
      user: "",
      database: "",
      waitedMs: nowMs - ticket.sinceMs,
      place: index + 1,
    }));
  }

  /**
   * Fills the pool for the first time.
   * @throws GatewayError ERR_POOL_BOOT_FAILED when a backend cannot be had within the retries,
   *   ERR_SHUTTING_DOWN when the pool is closed meanwhile
   */
  async open(): Promise<void> {
    let missing = this.options.size;
    const fill = async (): Promise<void> => {
      while (missing > 0 && !this.#isClosed) {
        missing--;
        await this.#dialAtBoot();
      }
    };
    try {
      // The first one alone: a server that is down is then reported once, not for every backend.
      missing--;
      await this.#dialAtBoot();
      await Promise.all(Array.from({ length: Math.min(FILL_CONCURRENCY, missing) }, fill));
    } catch (thrown) {
      if (!this.#isClosed) {
        await this.close();
        const { message } = GatewayError.from(thrown);
        throw new GatewayError(
          "ERR_POOL_BOOT_FAILED",
          `failed to fill pool ${this.options.group}.${this.name}: ${message}`,
          { cause: thrown },
        );
      }
    }
    if (this.#isClosed) throw new GatewayError("ERR_SHUTTING_DOWN");
    // What was lost meanwhile.
    this.openSoon();
  }

  /** Fills the pool without anybody waiting for it: a server that is away is dialled until it answers. */
  openSoon(): void {
    this.#isOpen = true;
    this.#recycler.arm();
    this.#refill();
  }

  /**
   * Other settings, from now on. When there are too many backends idle ones are closed now, and leased ones have no
   * successor. With another `dial` idle ones are replaced.
   */
  reconfigure(settings: PoolSettings): void {
    const isElsewhere = settings.dial !== this.options.dial;
    Object.assign(this.options, settings);
    this.#queue.limit(settings.queueTimeoutMs);
    if (isElsewhere) this.distrustIdle();
    this.#trim();
    this.#recycler.reconfigured();
    this.#refill();
  }

  /**
   * No new clients come: who has a backend keeps it, who waits is served, and nothing is kept ready. When nobody is
   * left, it holds nothing.
   */
  retire(): void {
    this.#isRetired = true;
    this.onLive = undefined;
    this.onDead = undefined;
    this.#trim();
    this.#refill();
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Gives the waiter a backend now, or a place in the queue; or refuses when that is full. */
  lease(ticket: Ticket): void {
    const backend = this.#queue.length === 0 ? this.#available.pop() : undefined;
    const { maxWaiting } = this.options;
    if (backend !== undefined) {
      this.#hand(backend, ticket.waiter);
    } else if (this.#isClosed) {
      ticket.waiter.onLeaseFailed(new GatewayError("ERR_SHUTTING_DOWN"));
    } else if (maxWaiting > 0 && this.#queue.length >= maxWaiting) {
      ticket.waiter.onLeaseFailed(new GatewayError("ERR_QUEUE_FULL"));
    } else {
      ticket.pool = this;
      this.#queue.add(ticket);
      if (this.#pacing.isCautious || this.#isRetired) this.#refill();
    }
  }

  /** Takes a waiter out of the queue: it left, or goes elsewhere. */
  withdraw(ticket: Ticket): void {
    if (ticket.pool === this) this.#queue.remove(ticket);
  }

  /** Empties the queue, oldest first, for a move to other pools. */
  takeWaiters(): readonly Ticket[] {
    const tickets: Ticket[] = [];
    for (let ticket = this.#queue.takeOldest(); ticket; ticket = this.#queue.takeOldest()) {
      tickets.push(ticket);
    }
    return tickets;
  }

  /** Takes a leased backend back: as it is when nothing went through it, else it is replaced. */
  release(backend: Backend): void {
    if (!this.#leased.delete(backend)) return;
    if (backend.isForsaken && !this.#isClosed) this.#pacing.forsaken();
    else if (backend.isUsed) this.#pacing.served();
    if (backend.isUsed || this.#isClosed) {
      this.#retire(backend);
    } else if (!backend.connection.isOpen) {
      this.#rejected(backend);
    } else if (this.options.isStale?.(backend) === true) {
      this.#retire(backend);
    } else {
      backend.isFresh = false;
      this.#offer(backend);
      this.#trim();
    }
  }

  distrustIdle(): void {
    for (const backend of this.#available.splice(0)) this.#retire(backend);
  }

  /**
   * Lets everything go: waiters fail, backends are closed. Resolves when the last one is gone, and the
   * last dial has ended.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#recycler.close();
    this.#pacing.dispose();
    for (const { waiter } of this.takeWaiters()) {
      waiter.onLeaseFailed(new GatewayError("ERR_SHUTTING_DOWN"));
    }
    this.#queue.dispose();
    this.distrustIdle();
    this.#resolveIfEmpty();
    await this.#emptied.promise;
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  get #isEmpty(): boolean {
    return this.#leased.size + this.#retiring + this.#dialling === 0;
  }

  /** How many backends there are to be. */
  get #wanted(): number {
    const { size } = this.options;
    return this.#isRetired ? Math.min(size, this.#leased.size + this.#queue.length) : size;
  }

  get #missing(): number {
    return (
      this.#wanted - this.#available.length - this.#leased.size - this.#dialling - this.#retiring
    );
  }

  /** Closes idle backends that are too many, oldest first. */
  #trim(): void {
    const surplus = this.#available.length + this.#leased.size + this.#dialling - this.#wanted;
    for (const backend of this.#available.splice(0, Math.max(0, surplus))) this.#retire(backend);
  }

  #oldest(): Backend | undefined {
    let oldest = this.#available[0];
    for (const backend of this.#available) {
      if (oldest !== undefined && backend.dialledAtMs < oldest.dialledAtMs) oldest = backend;
    }
    return oldest;
  }

  /** Takes in a connection that was just dialled. */
  #admit(opened: OpenedServer): void {
    const backend = new Backend(opened, this.options.timers.clock.now());
    if (this.#isClosed || !backend.connection.isOpen) {
      this.#retire(backend);
      return;
    }
    this.#pacing.succeeded();
    this.#offer(backend);
    if (!this.#isReportedDead) return;
    this.#isReportedDead = false;
    this.onLive?.();
  }

  /** A backend is free: the oldest waiter's, or for the next one who comes. */
  #offer(backend: Backend): void {
    const ticket = this.#queue.takeOldest();
    if (ticket !== undefined) {
      this.#hand(backend, ticket.waiter);
      return;
    }
    backend.isFresh = false;
    backend.watch(() => this.#lost(backend));
    this.#available.push(backend);
    if (this.#isOpen) this.#recycler.arm();
  }

  #hand(backend: Backend, waiter: Waiter): void {
    this.#leased.add(backend);
    try {
      waiter.onLease(backend, this);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      this.options.logger.error("A client could not take its backend", {
        error,
        name: this.name,
        ...waiter.logFields,
      });
      if (this.#leased.delete(backend)) this.#retire(backend);
      waiter.onLeaseFailed(error);
    }
  }

  #lost(backend: Backend): void {
    const index = this.#available.indexOf(backend);
    if (index < 0) return;
    this.#available.splice(index, 1);
    this.options.logger.debug("An idle connection was closed by the server", { name: this.name });
    this.#rejected(backend);
  }

  /** The server closed a connection that nobody had used. */
  #rejected(backend: Backend): void {
    if (this.#isClosed) return;
    this.#isRecovering = true;
    this.#pacing.rejected(this.options.timers.clock.now() - backend.dialledAtMs);
    this.#shrunk();
  }

  #retire(backend: Backend): void {
    this.#retiring++;
    backend.retire(() => {
      this.#retiring--;
      this.#shrunk();
    });
  }

  /** Whatever a dial has found out: what is idle and out of date makes room for new ones. */
  #retireStale(): void {
    const { isStale } = this.options;
    for (const backend of this.#available.filter((idle) => isStale?.(idle) === true)) {
      this.#available.splice(this.#available.indexOf(backend), 1);
      this.#retire(backend);
    }
  }

  /** For the recycler: another backend in the place of an idle one. */
  async #replace(backend: Backend): Promise<void> {
    this.#available.splice(this.#available.indexOf(backend), 1);
    this.#replaced++;
    this.#retiring++;
    await new Promise<void>((resolve) => backend.retire(resolve));
    this.#retiring--;
    if (this.#isClosed) this.#shrunk();
    else await this.#dialOne();
  }

  #reportIfDead(): void {
    if (this.isLive) return;
    this.#isReportedDead = true;
    this.onDead?.();
  }

  /** A slot became free. */
  #shrunk(): void {
    if (this.#isClosed) {
      this.#resolveIfEmpty();
      return;
    }
    this.#reportIfDead();
    this.#refill();
  }

  /** Dials what is missing, as fast as may be. */
  #refill(): void {
    if (!this.#isOpen || this.#isClosed) return;
    const limit = this.#pacing.limit(this.#queue.length);
    while (this.#missing > 0 && this.#dialling < limit) void this.#dialOne();
  }

  async #dialOne(): Promise<void> {
    this.#dialling++;
    const { dial } = this.options;
    const outcome = await dial(this.#closing.signal).catch((thrown: unknown) =>
      GatewayError.from(thrown),
    );
    this.#dialling--;
    if (outcome instanceof GatewayError) this.#dialFailed(outcome);
    else if (dial === this.options.dial) this.#dialSucceeded(outcome);
    else this.#retire(new Backend(outcome, this.options.timers.clock.now()));
    this.#resolveIfEmpty();
  }

  async #dialAtBoot(): Promise<void> {
    this.#dialling++;
    try {
      this.#admit(await dialWithRetries(this.options, this.#closing.signal));
      this.#retireStale();
    } finally {
      this.#dialling--;
      this.#resolveIfEmpty();
    }
  }

  #resolveIfEmpty(): void {
    if (this.#isClosed && this.#isEmpty) this.#emptied.resolve();
  }

  #dialSucceeded(opened: OpenedServer): void {
    const { name, logger } = this.options;
    if (this.#pacing.isFailing) {
      this.#isRecovering = true;
      logger.info("The server can be reached again", { name });
    }
    this.#admit(opened);
    this.#retireStale();
    this.#trim();
    this.#refill();
    if (!this.#isRecovering || this.#missing > 0 || this.#dialling > 0) return;
    this.#isRecovering = false;
    const count = this.#available.length;
    logger.info("There are clients available in the pool", { count, name });
  }

  #dialFailed(error: GatewayError): void {
    if (this.#isClosed) return;
    const { name, logger } = this.options;
    if (!this.#pacing.isFailing) {
      const missing = this.#missing;
      logger.error("Failed to connect to the server, trying until it answers", {
        error,
        name,
        missing,
      });
    }
    this.#pacing.failed();
    this.#reportIfDead();
  }
}

/** Of limits that are 0 when there is none. */
function smallestLimit(...limitsMs: readonly number[]): number {
  const set = limitsMs.filter((limitMs) => limitMs > 0);
  return set.length === 0 ? 0 : Math.min(...set);
}
