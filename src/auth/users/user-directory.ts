/**
 * All users of a group: those of its users file, and beside them those that a query tells of.
 *
 * | what the query told of a name is | then                                                          |
 * | -------------------------------- | ------------------------------------------------------------- |
 * | up to 15 s old                   | it counts                                                     |
 * | up to 60 s old                   | it counts, and is asked for again at the same time            |
 * | older, or doubted                | it is asked for again; up to 10 min old it counts if nobody   |
 * |                                  | can be asked                                                  |
 * | that nobody has it               | it counts for 5 s                                             |
 *
 * No clock and no timers: both are passed in.
 */
import { KnownUsers } from "./known-users.ts";
import type { KnownUser } from "./known-users.ts";
import type { User, UserLookup, UserTable } from "./user-table.ts";

export interface UserDirectoryOptions {
  /** The users file as it is now; its users are not asked for. */
  readonly table: () => UserTable;
  /**
   * Asks for one user. Undefined: there are none but those of the file.
   * @param isStranger nothing is known of the name: others go first
   */
  readonly ask: ((name: string, isStranger: boolean) => Promise<User | undefined>) | undefined;
  /** How long an answer usually takes. */
  readonly usualMs: () => number;
  readonly nowMs: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

const FRESH_MS = 15_000;
const GOOD_MS = 60_000;
const KEPT_MS = 600_000;
const NOBODY_MS = 5_000;
/** What is younger is not doubted: else who guesses passwords would keep the server busy. */
const MIN_DOUBT_MS = 1_000;

/** No lookup ends sooner than this, and three times what a question takes, up to a limit. */
const MIN_LOOKUP_MS = 2;
const USUAL_TIMES = 3;
const MAX_LOOKUP_MS = 50;

export class UserDirectory {
  readonly #options: UserDirectoryOptions;
  readonly #known = new KnownUsers();
  readonly #asking = new Map<string, Promise<User | undefined>>();

  constructor(options: UserDirectoryOptions) {
    this.#options = options;
  }

  /**
   * What is known of a name. With a query it takes the same time for a user that was asked for before, for
   * one of the file and for nobody.
   * @throws GatewayError (as a rejection) what `ask` throws when nothing is known
   */
  lookup(name: string): UserLookup | Promise<UserLookup> {
    const filed = this.#options.table().lookup(name);
    return this.#options.ask === undefined ? filed : this.#lookup(name, filed);
  }

  /** What is known of a name without asking: for who proves itself otherwise than by a secret. */
  filed(name: string): UserLookup {
    return this.#options.table().lookup(name);
  }

  /** A user that has logged in, as it was known then or is known now; nobody is asked. */
  find(name: string): User | undefined {
    return this.filed(name).user ?? this.#known.find(name)?.user;
  }

  /** A login failed: its secret may have been changed, so that the next one asks. */
  doubt(name: string): void {
    const known = this.#known.find(name);
    if (known?.user === undefined || this.#ageMs(known) < MIN_DOUBT_MS) return;
    this.#known.learn(name, known.user, this.#options.nowMs() - GOOD_MS);
  }

  async #lookup(name: string, filed: UserLookup): Promise<UserLookup> {
    const { usualMs, nowMs, wait } = this.#options;
    const beganMs = nowMs();
    const user = filed.user ?? (await this.#queried(name));
    const wantedMs = Math.min(MAX_LOOKUP_MS, Math.max(MIN_LOOKUP_MS, USUAL_TIMES * usualMs()));
    const restMs = wantedMs - (nowMs() - beganMs);
    if (restMs > 0) await wait(restMs);
    return { user, decoy: this.#known.decoy ?? filed.decoy };
  }

  async #queried(name: string): Promise<User | undefined> {
    const known = this.#known.find(name);
    const ageMs = known === undefined ? Infinity : this.#ageMs(known);
    if (known?.user === undefined)
      return ageMs < NOBODY_MS ? undefined : await this.#ask(name, true);
    if (ageMs < GOOD_MS) {
      // Whoever asks tells of failures; what is known counts on.
      if (ageMs >= FRESH_MS) this.#ask(name, false).catch(() => {});
      return known.user;
    }
    try {
      return await this.#ask(name, false);
    } catch (thrown) {
      if (ageMs < KEPT_MS) return known.user;
      throw thrown;
    }
  }

  /** Logins of the same name at the same time share a question. */
  #ask(name: string, isStranger: boolean): Promise<User | undefined> {
    const asking = this.#asking.get(name);
    if (asking !== undefined) return asking;
    const question = this.#learn(name, isStranger).finally(() => this.#asking.delete(name));
    this.#asking.set(name, question);
    return question;
  }

  async #learn(name: string, isStranger: boolean): Promise<User | undefined> {
    const { ask, nowMs } = this.#options;
    const user = await ask?.(name, isStranger);
    this.#known.learn(name, user, nowMs());
    return user;
  }

  #ageMs({ sinceMs }: KnownUser): number {
    return this.#options.nowMs() - sinceMs;
  }
}
