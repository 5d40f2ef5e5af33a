/** Users by name, and what an unknown one pretends to be. */
import { DEFAULT_ITERATIONS } from "../scram/index.ts";
import type { Secret } from "../secret.ts";

/** Someone who may log in. */
export interface User {
  readonly name: string;
  /** Undefined for who logs in without a password, by certificate. */
  readonly secret: Secret | undefined;
  /** The only databases it may use; undefined for all. */
  readonly databases: readonly string[] | undefined;
  /** Most connections at a time; undefined for no limit of its own. */
  readonly maxConnections: number | undefined;
  /** Unix time from which the password is good no more; undefined for ever. */
  readonly validUntilMs: number | undefined;
}

/**
 * What the login of an unknown user looks like: that of most known users. Otherwise the method and the
 * iteration count would tell who exists.
 */
export interface Decoy {
  readonly kind: Secret["kind"];
  readonly iterations: number;
}

/** What is known of a name. */
export interface UserLookup {
  readonly user: User | undefined;
  readonly decoy: Decoy;
}

/** The users of a group; a reload makes a new table. */
export class UserTable {
  readonly #users: ReadonlyMap<string, User>;
  readonly #decoy: Decoy;

  constructor(users: readonly User[]) {
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#decoy = decoyOf(users) ?? DEFAULT_DECOY;
  }

  get size(): number {
    return this.#users.size;
  }

  lookup(name: string): UserLookup {
    return { user: this.#users.get(name), decoy: this.#decoy };
  }
}

/** Whether the password of a user has run out (`VALID UNTIL`). */
export function isExpired(user: User, nowMs: number): boolean {
  return user.validUntilMs !== undefined && nowMs >= user.validUntilMs;
}

/** Whether a user may use a database. */
export function mayUseDatabase(user: User, database: string): boolean {
  return user.databases === undefined || user.databases.includes(database);
}

const DEFAULT_DECOY: Decoy = { kind: "scram", iterations: DEFAULT_ITERATIONS };

/** The form that most users have their secrets in; undefined if none has one. */
export function decoyOf(users: Iterable<User>): Decoy | undefined {
  const counts = new Map<string, { readonly decoy: Decoy; count: number }>();
  for (const { secret } of users) {
    if (secret === undefined) continue;
    const iterations =
      secret.kind === "scram" ? secret.verifier.reveal().iterations : DEFAULT_ITERATIONS;
    const entry = counts.get(`${secret.kind} ${iterations}`);
    if (entry === undefined) {
      counts.set(`${secret.kind} ${iterations}`, {
        decoy: { kind: secret.kind, iterations },
        count: 1,
      });
    } else entry.count += 1;
  }
  const [most] = [...counts.values()].toSorted((a, b) => b.count - a.count);
  return most?.decoy;
}
