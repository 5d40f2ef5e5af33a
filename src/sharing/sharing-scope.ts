/** One (user, database) of a block under one set of settings: the statements of the sessions that have them. */
import type { Logger } from "../logging/index.ts";
import { catalogueQuery, MAY_BE_SHARED } from "./catalogue-query.ts";
import { CollectedNeeds } from "./collected-needs.ts";
import type { FunctionPolicy } from "./function-policy.ts";
import { SharedText } from "./shared-text.ts";
import type { StatementKey } from "./statement-key.ts";
import type { StatementReader } from "./statement-reader.ts";
import type { TextTable } from "./text-table.ts";
import type { VerdictClock } from "./verdict-clock.ts";

/** What backend/ calls a simple answer fits. */
export interface CatalogueAnswer {
  readonly rows: readonly (readonly (string | null)[])[];
  /** What the server said against the query. */
  readonly error: { readonly message: string } | undefined;
}

/**
 * Runs one query on a server connection of the pair, with the settings of the scope in force, when there is one to
 * spare. May reject: it is asked again a minute later.
 */
export type AskCatalogue = (sql: string) => Promise<CatalogueAnswer>;

/** What the scopes of a database have in common. */
export interface DatabaseDefinitions {
  /** Another number whenever they may have changed. NaN: nobody would hear of it. */
  generation: number;
}

/** What all scopes of a block have in common. */
export interface SharingParts {
  readonly key: StatementKey;
  readonly table: TextTable;
  readonly reader: StatementReader;
  readonly policy: FunctionPolicy;
  readonly clock: VerdictClock;
  readonly logger: Logger;
}

/** So many statements wait for their verdicts at once; others when they are used again. */
const MAX_WAITING = 50;
/** So many are asked for in one question. */
const MAX_BATCH = 10;

export class SharingScope {
  /** Any 32 bits: the same texts of different scopes are spread in the table. */
  readonly salt: number;
  readonly clock: VerdictClock;
  readonly #parts: SharingParts;
  readonly #database: DatabaseDefinitions;
  readonly #ask: AskCatalogue;
  /** The first ones are being checked. */
  readonly #waiting = new Set<SharedText>();
  /** Nothing could be asked in this minute. */
  #failedMinute = -1;

  constructor(parts: SharingParts, database: DatabaseDefinitions, ask: AskCatalogue, salt: number) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.#database = database;
    this.#ask = ask;
    this.salt = salt;
  }

  /** Of the definitions of its database. */
  get generation(): number {
    return this.#database.generation;
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
   * The same for a Parse: what it declares of its parameters counts too.
   * @param from behind the statement's name
   * @param to end of the message
   */
  findParse(bytes: Uint8Array, from: number, to: number): SharedText | undefined {
    const end = bytes.indexOf(0, from);
    if (end < 0 || end >= to || !areTypesBuiltIn(bytes, end + 1, to)) return undefined;
    return this.find(bytes, from, end);
  }

  /**
   * What is known of the statement of a text: its `isShared` may change at any time.
   * @returns undefined when it will never be shared
   */
  look(bytes: Uint8Array, from: number, to: number): SharedText | undefined {
    const { key, table } = this.#parts;
    if (!key.read(bytes, from, to)) return undefined;
    const known = table.find(this, key);
    if (known !== undefined) return known;
    const text = new SharedText(
      this,
      key,
      Buffer.from(bytes.subarray(from, to)).toString("latin1"),
    );
    table.add(text, key);
    return text;
  }

  /**
   * A session of this scope has changed definitions of its database, and they are in force: its transaction has
   * ended. Nothing of the database is shared until it is checked again.
   */
  definitionsChanged(): void {
    this.#database.generation++;
  }

  /** Has the verdict found, in its turn. */
  check(text: SharedText): void {
    if (this.#waiting.size >= MAX_WAITING || this.#failedMinute === this.clock.minute) return;
    if (this.#waiting.has(text) || Number.isNaN(this.generation)) return;
    this.#waiting.add(text);
    if (this.#waiting.size === 1) void this.#checkAll();
  }

  async #checkAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, MAX_BATCH);
      try {
        await this.#checkBatch(batch);
      } catch (error) {
        this.#failedMinute = this.clock.minute;
        this.clock.start();
        this.#parts.logger.warn("cannot check which statements may be shared", { error });
        this.#waiting.clear();
      }
      for (const text of batch) this.#waiting.delete(text);
    }
  }

  /** Most are shared, and one question will do; what was exclusive is likely to be so again. */
  async #checkBatch(batch: readonly SharedText[]): Promise<void> {
    const hopeful: SharedText[] = [];
    for (const text of batch) {
      if (!(await this.#hasNeeds(text))) continue;
      if (text.isExclusive) await this.#judge([text]);
      else hopeful.push(text);
    }
    if (hopeful.length > 0) await this.#judge(hopeful);
  }

  async #judge(texts: readonly SharedText[]): Promise<void> {
    const { clock, policy, logger } = this.#parts;
    const needs = new CollectedNeeds();
    for (const text of texts) if (text.needs !== undefined) needs.addAll(text.needs);
    const { generation } = this;
    const { rows, error } = await this.#ask(catalogueQuery(needs, policy));
    const reason = error?.message ?? rows[0]?.[0] ?? "no answer";
    const isShared = error === undefined && reason === MAY_BE_SHARED;
    if (!isShared && texts.length > 1) {
      const middle = texts.length >> 1;
      await this.#judge(texts.slice(0, middle));
      await this.#judge(texts.slice(middle));
      return;
    }
    const verdict = { isShared, generation, minute: clock.minute, atMs: clock.start() };
    for (const text of texts) {
      text.judged(verdict);
      logger.debug("statement checked", { statement: String(text), isShared, reason });
    }
  }

  /** The grammar has read it now or before, and has nothing against it. */
  async #hasNeeds(text: SharedText): Promise<boolean> {
    if (text.needs !== undefined) return true;
    const { reader, policy, logger } = this.#parts;
    const needs = await reader.read(text.text);
    if (needs === undefined) return false;
    const unknown = typeof needs === "string" ? undefined : policy.unknownOf(needs.functions);
    if (typeof needs === "string" || unknown !== undefined) {
      text.isNeverShared();
      const reason = unknown ?? needs;
      logger.debug("statement checked", { statement: String(text), isShared: false, reason });
      return false;
    }
    text.isMadeOf(needs);
    return true;
  }
}

/** The first of the numbers that PostgreSQL gives to what is not its own. */
const FIRST_NORMAL_OID = 16_384;

/**
 * Whether all types are PostgreSQL's own: the input of others may run anything, by a domain's CHECK.
 * @param from of their number
 */
function areTypesBuiltIn(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from + 2; at + 4 <= to; at += 4) {
    const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    if (bytes[at] !== 0 || bytes[at + 1] !== 0 || low >= FIRST_NORMAL_OID) return false;
  }
  return true;
}
