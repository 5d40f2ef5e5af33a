/** What a pool is made of, and what it looks like from outside. */
import type { Backend, OpenedServer } from "../backend/index.ts";
import type { Logger } from "../logging/index.ts";
import type { TimerWheel } from "../net/index.ts";
import type { BackoffOptions } from "./backoff.ts";

/** What may be changed while the pool is at work. */
export interface PoolSettings {
  /** How many backends, whatever happens. */
  readonly size: number;
  /** Attempts beyond the first that each backend gets at boot. */
  readonly retries: number;
  readonly backoff: BackoffOptions;
  /** How long a client waits for a backend; 0 = for ever. */
  readonly queueTimeoutMs: number;
  /** How many clients may wait; 0 = any number. */
  readonly maxWaiting: number;
  /** Idle backends are replaced before they are this old; 0 = never. */
  readonly healthCheckPeriodMs: number;
  /** How long a server that owes an answer may be silent; 0 = for ever. */
  readonly receiveTimeoutMs: number;
  /** How long after dialling a backend may be read from and written to; 0 = for ever. */
  readonly receiveDeadlineMs: number;
  readonly sendDeadlineMs: number;
  /**
   * Opens one connection, resolving the name anew: an address that changed is seen at once. After
   * `signal` it must end soon.
   */
  readonly dial: (signal: AbortSignal) => Promise<OpenedServer>;
}

export interface PoolOptions extends PoolSettings {
  readonly group: string;
  /** The block's name. */
  readonly name: string;
  /** The backend should not be used any more, as when its server's name has another address now. */
  readonly isStale?: (backend: Backend) => boolean;
  readonly timers: TimerWheel;
  readonly random: () => number;
  readonly logger: Logger;
}

/** A pool at one moment. */
export interface PoolSnapshot {
  readonly size: number;
  readonly available: number;
  readonly leased: number;
  /** Being dialled. */
  readonly connecting: number;
  /** Given back and not let go by the server yet. */
  readonly retiring: number;
  /** Clients that wait for a backend. */
  readonly waiting: number;
  /** How long the oldest of them has waited; 0 when there is none. */
  readonly oldestWaitMs: number;
  /** How many idle backends were replaced because of their age. */
  readonly healthChecks: number;
}
