/**
 * Where the two halves of the gateway meet. The data half moves bytes: listeners, sessions, pools.
 * The control half reads files, takes signals and serves administrators. The composition root builds and
 * opens the data half and so knows it whole; whatever watches and stops it later needs no more than
 * this: plain commands and snapshots that could cross a process boundary.
 */
import type { ErrorCode } from "../errors.ts";
import type { SessionTransactionStatus } from "../hooks/index.ts";
import type { SessionActivity } from "../session/index.ts";

/** The backends of one block at one moment. */
export interface BlockSnapshot {
  /** How many there may be. */
  readonly size: number;
  /** Idle. */
  readonly available: number;
  readonly leased: number;
  /** On the way: being dialled or logged in. */
  readonly connecting: number;
  /** Given up and not let go by the server yet. */
  readonly retiring: number;
  /** Clients that wait for a backend. */
  readonly waiting: number;
  /** How long the oldest of them has waited; 0 when there is none. */
  readonly oldestWaitMs: number;
  /** How many idle backends were replaced or asked for a sign of life so far. */
  readonly healthChecks: number;
  /** What is known of clients that share backends; undefined in passthrough. */
  readonly sharing?: SharingSnapshot | undefined;
  /** False while there is no backend and none can be had. */
  readonly isLive: boolean;
  /** Nothing is leased until it is resumed. */
  readonly isPaused: boolean;
}

/** Of clients that share the backends of a block. */
export interface SharingSnapshot {
  /** Clients that keep a backend now because of what they have on it. */
  readonly pinned: number;
  /** How often clients came to keep one, and how often they were not allowed to. */
  readonly pins: number;
  readonly pinRefusals: number;
  /** How often a named statement was on its backend already, and how often it had to be prepared first. */
  readonly preparedHits: number;
  readonly preparedMisses: number;
}

/** Who is at the two ends of a block. */
export interface BlockEnds {
  /** Our addresses of the idle backends. */
  readonly availableAddresses: readonly string[];
  /** Of the clients that are led to the block, those that are idle included. */
  readonly clientAddresses: readonly string[];
}

/** One group at one moment. */
export interface GroupSnapshot {
  readonly group: string;
  /** Where it listens; empty before and after. */
  readonly addresses: readonly string[];
  /** Clients connected, those that wait for a backend included. */
  readonly clients: number;
  /** Those whose work is done by a block, by its name. */
  readonly clientsOf: Readonly<
    Record<string, { readonly count: number; readonly encrypted: number }>
  >;
  /** By block. */
  readonly pools: Readonly<Record<string, BlockSnapshot>>;
}

/** One client at one moment. */
export interface SessionSnapshot {
  /** As in the log. */
  readonly id: string;
  /** Undefined until it has been led to one. */
  readonly block: string | undefined;
  readonly clientAddress: string;
  /** Where it came in. */
  readonly localAddress: string;
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly applicationName: string | undefined;
  readonly isEncrypted: boolean;
  /** How long ago it was accepted. */
  readonly ageMs: number;
  readonly activity: SessionActivity;
  readonly transactionStatus: SessionTransactionStatus | undefined;
}

/** One connection to a server at one moment. */
export interface BackendSnapshot {
  readonly block: string;
  /** "" while it is dialled, as is the next. */
  readonly serverAddress: string;
  readonly localAddress: string;
  /** Of the server, as it has told; undefined if it has not. */
  readonly processId: number | undefined;
  /** "" while nobody is logged in. */
  readonly user: string;
  readonly database: string;
  /**
   * `inTransaction`: a session has a transaction open in which it asks for nothing; `kept`: it asks for nothing outside of
   * one; `tended`: the gateway itself asks the server something; `retiring`: not let go by the server yet.
   */
  readonly state:
    "connecting" | "idle" | "active" | "inTransaction" | "kept" | "tended" | "retiring";
  readonly transactionStatus: SessionTransactionStatus | undefined;
  /** Why its session keeps it even when it asks for nothing; undefined if it does not. */
  readonly pinReason: string | undefined;
  /** Those that use it: several while units of theirs follow each other. */
  readonly sessionIds: readonly string[];
  readonly ageMs: number;
  /** 0 while somebody uses it. */
  readonly idleMs: number;
  /** How often a session got it. */
  readonly uses: number;
  readonly isEncrypted: boolean;
  /** It is given up as soon as nobody uses it. */
  readonly isCondemned: boolean;
}

/** One client that waits for a backend. */
export interface WaiterSnapshot {
  readonly block: string;
  /** "" for one whose session is over. */
  readonly sessionId: string;
  readonly clientAddress: string;
  /** Those of the backends that it waits for. */
  readonly user: string;
  readonly database: string;
  readonly waitedMs: number;
  /** In the line of its user and database: 1 is the next one. */
  readonly place: number;
}

/** What can be done with the backends of a block. */
export type PoolAction = "pause" | "resume" | "reconnect";

export interface ControlPort {
  readonly group: string;
  snapshot(): GroupSnapshot;
  /** By block. */
  ends(): Readonly<Record<string, BlockEnds>>;
  sessions(): readonly SessionSnapshot[];
  backends(): readonly BackendSnapshot[];
  /** Of each block those that have waited longest first. */
  waiters(): readonly WaiterSnapshot[];
  /** Ends a session, telling its client. @returns false if there is none of this id */
  kill(id: string): boolean;
  /** Cancels what a session has a server do. Resolves to false if there is none of this id */
  cancelQuery(id: string): Promise<boolean>;
  /** @throws GatewayError when the block is of a mode that cannot do it */
  commandPool(block: string, action: PoolAction): void;
  /**
   * New clients are not accepted any more; sessions leave as soon as they are between two things, and those that are left
   * when they are {@link cut}: the clients are told this reason. Default: the gateway stops.
   */
  drain(code?: ErrorCode): void;
  /** Resolves when the last session has gone. */
  whenEmpty(): Promise<void>;
  /** Ends every session that is left, telling the clients. */
  cut(): void;
  /** Closes the backends. Resolves when all are gone. */
  close(): Promise<void>;
}
