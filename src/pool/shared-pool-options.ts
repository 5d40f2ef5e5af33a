/** What a shared pool is made of, and what it looks like from outside. */
import type { Logger } from "../logging/index.ts";
import type { Address, TimerWheel } from "../net/index.ts";

/** Whose backends can stand in for each other: same user, same database, same fixed parameters. */
export interface Pair {
  readonly user: string;
  readonly database: string;
  /** The startup parameters that cannot be changed later, in any form that tells them apart. */
  readonly key: string;
}

/** What a shared pool asks of a backend: logged in, and free of what a session left behind. */
export interface SharedBackend {
  readonly isOpen: boolean;
  /** The literal address it was dialled at. */
  readonly address: Address;
  /** On the clock of the pool. */
  readonly dialledAtMs: number;
  /** Idle from now on: the loss of the connection is reported once, until somebody takes it. */
  watch(onLost: () => void): void;
  /** Closes it, and tells when the server has let go or was cut off, after 5 s at the latest. */
  retire(onGone: () => void): void;
}

/** What may be changed while the pool is at work. */
export interface SharedPoolSettings {
  /** The most backends, whatever happens and however many pairs there are. */
  readonly size: number;
  /** How many backends are kept when nobody needs them, if there is a warm pair. */
  readonly minSize: number;
  /** How long a client waits for a backend; 0 = for ever. */
  readonly queueTimeoutMs: number;
  /** How many clients may wait; 0 = any number. */
  readonly maxWaiting: number;
  /** Backends beyond `minSize` are closed when they were idle for so long; 0 = never. */
  readonly idleTimeoutMs: number;
  /** Backends are replaced about this long after they were made; 0 = never. */
  readonly maxLifetimeMs: number;
  /** Idle backends are asked for a sign of life this often; 0 = never. */
  readonly pingAfterIdleMs: number;
}

export interface SharedPoolOptions<B extends SharedBackend> extends SharedPoolSettings {
  readonly group: string;
  /** The block's name. */
  readonly name: string;
  /** A waiter is told once that it has waited this long; 0 = never. */
  readonly longWaitMs: number;
  /**
   * Dials, and logs in as the pair. Rejects with a GatewayError: ERR_SERVER_LOGIN when the server
   * refused this pair, which all its waiters are told; ERR_SERVER_BUSY when it takes nobody now;
   * anything else counts as a server that cannot be reached. After `signal` it must end soon.
   */
  readonly connect: (pair: Pair, signal: AbortSignal) => Promise<B>;
  /** Asks an idle backend for a sign of life; rejects when there is none. */
  readonly ping?: (backend: B) => Promise<void>;
  /** The backend should not be given to anybody else, as when its server's name has another address now. */
  readonly isStale?: (backend: B) => boolean;
  readonly timers: TimerWheel;
  readonly random: () => number;
  readonly logger: Logger;
}

/** Backends and waiters at one moment. */
export interface SharedCounts {
  readonly idle: number;
  readonly leased: number;
  /** On the way: being dialled or logged in. */
  readonly connecting: number;
  /** Given up and not let go by the server yet. */
  readonly retiring: number;
  readonly waiting: number;
  /** How long the oldest waiter has waited; 0 when there is none. */
  readonly oldestWaitMs: number;
}

export interface PairSnapshot extends SharedCounts {
  readonly user: string;
  readonly database: string;
}

/** A shared pool at one moment. */
export interface SharedPoolSnapshot extends SharedCounts {
  readonly size: number;
  /** How often a backend was asked for a sign of life. */
  readonly pings: number;
  readonly pairs: readonly PairSnapshot[];
}
