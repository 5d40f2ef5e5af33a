/** The statements of one block that may be shared. */
import type { Logger } from "../logging/index.ts";
import type { Clock } from "../net/index.ts";
import { FunctionPolicy } from "./function-policy.ts";
import { loadGrammar } from "../sql/index.ts";
import type { Parser } from "../sql/index.ts";
import { SharingScope } from "./sharing-scope.ts";
import type { AskCatalogue, DatabaseDefinitions, SharingParts } from "./sharing-scope.ts";
import { StatementKey } from "./statement-key.ts";
import { StatementReader } from "./statement-reader.ts";
import { TextTable } from "./text-table.ts";
import { VerdictClock } from "./verdict-clock.ts";

export interface SharingOptions {
  /** The block, for messages. */
  readonly block: string;
  /** Functions that may be shared beside PostgreSQL's own: `name` or `schema.name`. */
  readonly allowFunctions: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: PostgreSQL's own, when the first statement is to be checked. */
  readonly load?: () => Promise<Parser>;
}

/** So many databases, and scopes of each, are known at most; those of live sessions go on. */
const MAX_DATABASES = 1_000;
const MAX_SCOPES = 100;

interface Database extends DatabaseDefinitions {
  /** By their settings, longest unasked first. */
  readonly scopes: Map<string, SharingScope>;
}

export class Sharing {
  readonly #parts: SharingParts;
  readonly #databases = new Map<string, Database>();

  constructor({ block, allowFunctions, clock, logger, load = loadGrammar }: SharingOptions) {
    this.#parts = {
      key: new StatementKey(randomBits()),
      table: new TextTable(),
      reader: new StatementReader(clock, load),
      policy: new FunctionPolicy(allowFunctions),
      clock: new VerdictClock(clock),
      logger: logger.child({ block }),
    };
  }

  /**
   * Where a session looks its statements up: ask once, and again when its settings change.
   * @param databaseKey of the (user, database) pair
   * @param settingsKey of all settings but application_name
   * @param ask serves all sessions that ask for the same scope later: it must not hold on to this one
   */
  scope(databaseKey: string, settingsKey: string, ask: AskCatalogue): SharingScope {
    const database = this.#database(databaseKey);
    const scope =
      database.scopes.get(settingsKey) ??
      new SharingScope(this.#parts, database, ask, randomBits());
    setLast(database.scopes, settingsKey, scope);
    if (database.scopes.size > MAX_SCOPES) dropFirst(database.scopes);
    return scope;
  }

  /** Takes its timer down. */
  close(): void {
    this.#parts.clock.close();
  }

  #database(databaseKey: string): Database {
    const database = this.#databases.get(databaseKey) ?? { generation: 0, scopes: new Map() };
    setLast(this.#databases, databaseKey, database);
    if (this.#databases.size > MAX_DATABASES) {
      // Its scopes would not hear of changes any more: no verdict has this generation.
      const dropped = dropFirst(this.#databases);
      if (dropped !== undefined) dropped.generation = Number.NaN;
    }
    return database;
  }
}

function randomBits(): number {
  return Math.trunc((Math.random() - 0.5) * 2 ** 32);
}

function setLast<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
}

function dropFirst<V>(map: Map<string, V>): V | undefined {
  const [first] = map;
  if (first !== undefined) map.delete(first[0]);
  return first?.[1];
}
