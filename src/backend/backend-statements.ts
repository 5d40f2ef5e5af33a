/**
 * The shared statements that one backend has, as far as what was sent to it goes.
 *
 * Whoever has sent a Parse adds it, and takes it out again when the server turns it down. Names are
 * never used twice on a backend: one that is left behind, by a DEALLOCATE that failed, is in nobody's
 * way.
 */
import type { SharedStatement } from "./shared-statement.ts";

/** Begins the names of ours: no client gets at one of these by its own choice of name. */
export const STATEMENT_PREFIX = "_gatewayd_";

/** A statement under the name it has on one backend. */
export interface ServerStatement {
  readonly shared: SharedStatement;
  readonly name: Uint8Array;
  /** What it was parsed from: that of `shared`, unless it speaks of other statements or is a mere stand-in. */
  readonly body: Uint8Array;
  /** When it was sent to be parsed, as {@link StatementCatalog.now} counts. */
  readonly preparedAt: number;
  /** The server has said that it is there: until then its Parse may still fail. */
  isConfirmed: boolean;
  /** Counts up with each use on this backend. */
  usedAt: number;
}

export class BackendStatements {
  readonly #limit: number;
  readonly #known = new Map<SharedStatement, ServerStatement>();
  /** Those that were lost last: of them, errors may still come. */
  #lost: readonly ServerStatement[] = [];
  #lastNumber = 0;
  #uses = 0;
  /** The session whose Parse made the unnamed statement there is; undefined when nobody's is there. */
  unnamedOwner: object | undefined;

  /** @param limit of statements kept; at least 1 */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Counts as a use. */
  find(shared: SharedStatement): ServerStatement | undefined {
    const known = this.#known.get(shared);
    if (known !== undefined) known.usedAt = ++this.#uses;
    return known;
  }

  /** It is there for certain: also for others than the session whose Parse made it. No use is counted. */
  serves(shared: SharedStatement): boolean {
    const known = this.#known.get(shared);
    return known !== undefined && known.isConfirmed && known.body === shared.body;
  }

  /**
   * @param preparedAt now
   * @param body undefined: that of `shared`
   */
  add(
    shared: SharedStatement,
    preparedAt: number,
    body: Uint8Array = shared.body,
  ): ServerStatement {
    const name = Buffer.from(`${STATEMENT_PREFIX}${++this.#lastNumber}`);
    const isConfirmed = false;
    const statement = { shared, name, body, preparedAt, isConfirmed, usedAt: ++this.#uses };
    this.#known.set(shared, statement);
    return statement;
  }

  /** It is still there after all. */
  restore(statement: ServerStatement): void {
    if (!this.#known.has(statement.shared)) this.#known.set(statement.shared, statement);
  }

  /** Takes out what has to be closed to make room for one more; undefined while there is room. */
  evict(): ServerStatement | undefined {
    if (this.#known.size < this.#limit) return undefined;
    let oldest: ServerStatement | undefined;
    for (const statement of this.#known.values()) {
      if (oldest === undefined || statement.usedAt < oldest.usedAt) oldest = statement;
    }
    if (oldest !== undefined) this.#known.delete(oldest.shared);
    return oldest;
  }

  /** It is not there, or will not be. Harmless when another one has taken its place. */
  remove(statement: ServerStatement): void {
    if (this.#known.get(statement.shared) === statement) this.#known.delete(statement.shared);
  }

  /** DISCARD ALL, DEALLOCATE ALL: none is there any more. Answers what was. */
  clear(): readonly ServerStatement[] {
    const all = [...this.#known.values()];
    this.#known.clear();
    this.unnamedOwner = undefined;
    return all;
  }

  /** The server does not have them any more, though nobody has asked for that; several may find out. */
  lose(): void {
    const lost = this.clear();
    if (lost.length > 0) this.#lost = lost;
  }

  /** By its name on this backend, for messages of the server. */
  named(name: string): ServerStatement | undefined {
    for (const statement of [...this.#known.values(), ...this.#lost]) {
      if (Buffer.from(statement.name).toString() === name) return statement;
    }
    return undefined;
  }
}
