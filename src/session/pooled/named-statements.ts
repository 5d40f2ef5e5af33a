/** The statements that one client has prepared, by the names it gave them. */
import type { SharedStatement } from "../../backend/index.ts";

export interface NamedStatement {
  /** One byte a character. */
  readonly name: string;
  /** No other name of the same client has it. */
  readonly shared: SharedStatement;
  /** When the client had it parsed, as {@link StatementCatalog.now} counts. */
  readonly parsedAt: number;
}

/** A client may have so many of them, and so many bytes. */
const MAX_NAMES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

export class NamedStatements {
  readonly #byName = new Map<string, NamedStatement>();
  readonly #byShared = new Map<SharedStatement, NamedStatement>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  find(name: string): NamedStatement | undefined {
    return this.#byName.get(name);
  }

  /** Whose name is it? */
  of(shared: SharedStatement): NamedStatement | undefined {
    return this.#byShared.get(shared);
  }

  /** One more may be added. */
  hasRoom(bytes: number): boolean {
    return this.#byName.size < MAX_NAMES && this.#bytes + bytes <= MAX_BYTES;
  }

  /** Nothing happens if the name is taken. */
  add(statement: NamedStatement): void {
    const { name, shared } = statement;
    if (this.#byName.has(name)) return;
    this.#byName.set(name, statement);
    this.#byShared.set(shared, statement);
    this.#bytes += shared.body.length;
  }

  /** Also if another one was put in its place by {@link renew}. Nothing happens if it is not there. */
  remove(statement: NamedStatement): void {
    const { name, shared } = statement;
    const known = this.#byName.get(name);
    if (known?.parsedAt !== statement.parsedAt) return;
    this.#byName.delete(name);
    this.#byShared.delete(known.shared);
    this.#bytes -= shared.body.length;
  }

  /** It means something else on the server from now on. */
  renew(statement: NamedStatement, shared: SharedStatement): void {
    this.remove(statement);
    this.add({ ...statement, shared });
  }

  /** Removes all, and answers which they were. */
  clear(): readonly NamedStatement[] {
    const all = [...this.#byName.values()];
    this.#byName.clear();
    this.#byShared.clear();
    this.#bytes = 0;
    return all;
  }
}
