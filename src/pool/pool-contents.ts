/** What a pool has at one moment, one by one: for people to see. */

/** A backend of a pool. */
export interface PooledServer<B> {
  readonly backend: B;
  /** Whose it is; "" in passthrough, where the client says so by itself. */
  readonly user: string;
  readonly database: string;
  /** `withheld`: the pool itself has it, to ask for a sign of life. */
  readonly state: "withheld" | "idle" | "leased" | "retiring";
  /** 0 when it is not idle. */
  readonly idleMs: number;
  /** How often it was leased, alone or together with others. */
  readonly uses: number;
  /** It is given up as soon as nobody has it. */
  readonly isCondemned: boolean;
}

/** Who waits for a backend. */
export interface PoolWaiter {
  /** What it has asked by: a session knows its own. */
  readonly ticket: object;
  /** Of the client. */
  readonly remoteAddress: string;
  /** As of {@link PooledServer}. */
  readonly user: string;
  readonly database: string;
  readonly waitedMs: number;
  /** In the line of its user and database: 1 is the next one. */
  readonly place: number;
}
