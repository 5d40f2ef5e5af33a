/** How many clients are logged in, by user and by database, and how many may be. */
import type { ErrorCode } from "../../errors.ts";

export interface ConnectionCapsOptions {
  /** For users without a limit of their own; undefined: any number. */
  readonly maxPerUser: number | undefined;
  /** By the name that clients give; undefined: any number. */
  readonly maxPerDatabase: number | undefined;
}

export class ConnectionCaps {
  #options: ConnectionCapsOptions;
  readonly #users = new Map<string, number>();
  readonly #databases = new Map<string, number>();

  constructor(options: ConnectionCapsOptions) {
    this.#options = options;
  }

  /** Other limits, for clients that log in from now on. */
  reconfigure(options: ConnectionCapsOptions): void {
    this.#options = options;
  }

  /**
   * Counts a client, or says why there may be none more.
   * @param ownLimit of the user; it wins over the one for all
   */
  enter(user: string, database: string, ownLimit: number | undefined): ErrorCode | undefined {
    const { maxPerUser, maxPerDatabase = Infinity } = this.#options;
    const users = this.#users.get(user) ?? 0;
    const databases = this.#databases.get(database) ?? 0;
    if (users >= (ownLimit ?? maxPerUser ?? Infinity)) return "ERR_TOO_MANY_OF_USER";
    if (databases >= maxPerDatabase) return "ERR_TOO_MANY_OF_DATABASE";
    this.#users.set(user, users + 1);
    this.#databases.set(database, databases + 1);
    return undefined;
  }

  /** Of a client that was counted; once. */
  leave(user: string, database: string): void {
    countDown(this.#users, user);
    countDown(this.#databases, database);
  }
}

function countDown(counts: Map<string, number>, name: string): void {
  const count = counts.get(name) ?? 0;
  if (count > 1) counts.set(name, count - 1);
  else counts.delete(name);
}
