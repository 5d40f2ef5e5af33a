/**
 * What a query has told of users, for a while: by name, bounded, in order of use. Keeps no clock.
 *
 * Names that nobody has are kept apart, so that who tries many does not push out those that exist.
 */
import { type Decoy, decoyOf, type User } from "./user-table.ts";

/** An answer, and when it came. */
export interface KnownUser {
  /** Undefined: there is none of that name. */
  readonly user: User | undefined;
  readonly sinceMs: number;
}

/** An entry takes some 500 bytes. */
const MAX_NAMES = 10_000;

export class KnownUsers {
  readonly #maxNames: number;
  readonly #users = new Map<string, KnownUser>();
  readonly #nobodies = new Map<string, KnownUser>();
  #decoy: Decoy | undefined;

  /** @param maxNames of users, and as many of nobody */
  constructor(maxNames: number = MAX_NAMES) {
    this.#maxNames = maxNames;
  }

  /** Counts as a use. */
  find(name: string): KnownUser | undefined {
    const entries = this.#users.has(name) ? this.#users : this.#nobodies;
    const known = entries.get(name);
    if (known === undefined) return undefined;
    entries.delete(name);
    entries.set(name, known);
    return known;
  }

  learn(name: string, user: User | undefined, nowMs: number): void {
    const before = this.#users.get(name)?.user;
    this.#users.delete(name);
    this.#nobodies.delete(name);
    const entries = user === undefined ? this.#nobodies : this.#users;
    entries.set(name, { user, sinceMs: nowMs });
    // Counting them all takes time: most answers change nothing about it.
    if (before?.secret?.kind !== user?.secret?.kind) this.#decoy = undefined;
    if (entries.size <= this.#maxNames) return;
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      return;
    }
  }

  /** The form that most of the users have their secrets in; undefined if none is known. */
  get decoy(): Decoy | undefined {
    this.#decoy ??= decoyOf([...this.#users.values()].flatMap(({ user }) => user ?? []));
    return this.#decoy;
  }
}
