/** One (user, database) of a block under one set of settings: the statements of the sessions that have them. */
import type { SimpleAnswer } from "../backend/index.ts";
import { SharedText } from "./shared-text.ts";
import type { StatementKey } from "./statement-key.ts";
import type { TextTable } from "./text-table.ts";

/**
 * Runs one query on a server connection of the pair, with the settings of the scope in force, when there is one
 * to spare. May reject: the verdict is tried again a minute later.
 */
export type AskCatalogue = (sql: string) => Promise<Pick<SimpleAnswer, "rows" | "error">>;

/** What the scopes of a database have in common. */
export interface DatabaseDefinitions {
  /** Another number whenever they may have changed. */
  generation: number;
}

export interface SharingScopeOptions {
  readonly ask: AskCatalogue;
  readonly key: StatementKey;
  readonly table: TextTable;
  readonly database: DatabaseDefinitions;
  /** Any 32 bits: the same texts of different scopes are spread in the table. */
  readonly salt: number;
}

export class SharingScope {
  readonly salt: number;
  readonly #key: StatementKey;
  readonly #table: TextTable;
  readonly #database: DatabaseDefinitions;

  constructor({ key, table, database, salt }: SharingScopeOptions) {
    this.#key = key;
    this.#table = table;
    this.#database = database;
    this.salt = salt;
  }

  /**
   * The statement of a text if it may be shared now. The hot path: no allocation for a statement that is known.
   * @param to without the zero byte
   */
  find(bytes: Uint8Array, from: number, to: number): SharedText | undefined {
    const text = this.look(bytes, from, to);
    return text !== undefined && text.isShared ? text : undefined;
  }

  /**
   * The statement of a text, to be kept: its `isShared` may change at any time. For prepared statements.
   * @returns undefined when it will never be shared
   */
  look(bytes: Uint8Array, from: number, to: number): SharedText | undefined {
    const key = this.#key;
    if (!key.read(bytes, from, to)) return undefined;
    const known = this.#table.find(this, key);
    if (known !== undefined) return known;
    const text = new SharedText(
      this,
      key,
      Buffer.from(bytes.subarray(from, to)).toString("latin1"),
    );
    this.#table.add(text, key);
    return text;
  }

  /**
   * The same for a Parse: what it declares of its parameters counts too.
   * @param from behind the statement's name
   * @param to end of the message
   */
  lookParse(bytes: Uint8Array, from: number, to: number): SharedText | undefined {
    const end = bytes.indexOf(0, from);
    if (end < 0 || end >= to || !areTypesBuiltIn(bytes, end + 1, to)) return undefined;
    return this.look(bytes, from, end);
  }

  /**
   * A session of this scope has changed definitions of its database, and they are in force: its transaction has
   * ended. Nothing of the database is shared until it is checked again.
   */
  definitionsChanged(): void {
    this.#database.generation++;
  }
}

/** The first of the numbers that PostgreSQL gives to what is not its own. */
const FIRST_NORMAL_OID = 16_384;

/** Whether all types are PostgreSQL's own: the input of others may run anything, by a domain's CHECK. */
function areTypesBuiltIn(bytes: Uint8Array, from: number, to: number): boolean {
  const types = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
  for (let at = 2; at + 4 <= types.byteLength; at += 4) {
    if (types.getUint32(at) >= FIRST_NORMAL_OID) return false;
  }
  return true;
}
