/** The statements of all groups that count them: who watches, and what there is to tell. */
import { setImmediate as othersTurn } from "node:timers/promises";
import type { GroupListener } from "../watch/index.ts";
import { BlockStatements } from "./block-statements.ts";
import { StatementCounts } from "./statement-table.ts";
import type { ReadStatement, Scope, StatementEntry } from "./statement-table.ts";

/** PostgreSQL's own grammar. */
export interface StatementGrammar {
  /** To be awaited before the other two are called. */
  load(): Promise<void>;
  /** The text without its values; undefined where they cannot be told from the rest. */
  normalize(text: string): string | undefined;
  /** What texts have in common that differ in values only; undefined as above. */
  fingerprint(text: string): string | undefined;
}

export interface StatementsOptions {
  readonly grammar: StatementGrammar;
  /** Milliseconds on the clock of units. */
  readonly now: () => number;
  /** From 0 to less than 1. */
  readonly random?: () => number;
}

export interface StatementFigures extends Readonly<ReturnType<StatementCounts["snapshot"]>>, Scope {
  readonly group: string;
  readonly block: string;
  /** Without its values, and no fingerprint either; both "" where they cannot be told from the rest. */
  readonly statement: string;
  readonly fingerprint: string;
  readonly textLength: number;
  /** Milliseconds since 1970. */
  readonly lastSeenMs: number;
  readonly sinceMs: number;
}

/** What is in no statement's figures. */
export interface UnlistedFigures {
  readonly group: string;
  readonly block: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly errors: number;
  readonly evictions: number;
}

export interface StatementReport {
  /** In no order. */
  readonly statements: readonly StatementFigures[];
  readonly unlisted: readonly UnlistedFigures[];
}

/** More of a statement is not shown. */
const MAX_STATEMENT_LENGTH = 4 * 1024;
/** Reading one takes some 50 us: after so many it is others' turn. */
const READ_AT_ONCE = 20;
const NOT_UNDERSTOOD: ReadStatement = { statement: "", fingerprint: "" };

export class Statements {
  readonly #options: StatementsOptions;
  readonly #groups = new Map<string, GroupStatements>();

  constructor(options: StatementsOptions) {
    this.#options = options;
  }

  /** @param size how many statements of each block at most; with 0 nobody watches */
  watchOf(group: string, size: number): GroupStatements | undefined {
    if (size === 0) return undefined;
    const known = this.#groups.get(group);
    if (known?.size === size) return known;
    const fresh = new GroupStatements(size, this.#options.random ?? Math.random);
    this.#groups.set(group, fresh);
    return fresh;
  }

  /** @throws when the grammar cannot be loaded */
  async report(): Promise<StatementReport> {
    await this.#read();
    // Read once: a clock that ticks in between would have what was seen once come after it was last seen.
    const wallMs = Date.now() - this.#options.now();
    const onWall = (atMs: number): number => Math.round(atMs + wallMs);
    return {
      statements: this.#blocks().flatMap(([group, block, { table }]) =>
        merged(table.entries).map(({ lastMs, sinceMs, ...figures }) => ({
          ...{ group, block, ...figures },
          ...{ lastSeenMs: onWall(lastMs), sinceMs: onWall(sinceMs) },
        })),
      ),
      unlisted: this.#blocks().map(([group, block, { table }]) => {
        const { calls, totalMs, errors } = table.unlisted;
        return { group, block, calls, totalMs, errors, evictions: table.evictions };
      }),
    };
  }

  /** Begins to count anew. */
  reset(): void {
    for (const [, , { table }] of this.#blocks()) table.clear();
  }

  #blocks(): readonly (readonly [group: string, block: string, BlockStatements])[] {
    return [...this.#groups].flatMap(([group, { blocks }]) =>
      [...blocks].map(([block, statements]) => [group, block, statements] as const),
    );
  }

  /** The texts that have come since the last time: nobody else has to wait for all of them. */
  async #read(): Promise<void> {
    const { grammar } = this.#options;
    const unread = this.#blocks().flatMap(([, , { table }]) =>
      [...table.entries].filter(({ read }) => read === undefined),
    );
    if (unread.length === 0) return;
    await grammar.load();
    for (const [index, entry] of unread.entries()) {
      if (index % READ_AT_ONCE === READ_AT_ONCE - 1) await othersTurn();
      entry.read = await read(entry.text, grammar);
      // It is not needed any more.
      entry.text = undefined;
    }
  }
}

async function read(text: string | undefined, grammar: StatementGrammar): Promise<ReadStatement> {
  if (text === undefined) return NOT_UNDERSTOOD;
  let statement = grammar.normalize(text);
  if (statement === undefined) {
    // A text before it may have broken the grammar.
    await grammar.load();
    statement = grammar.normalize(text);
  }
  if (statement === undefined) return NOT_UNDERSTOOD;
  const isLong = statement.length > MAX_STATEMENT_LENGTH;
  return {
    statement: isLong ? `${statement.slice(0, MAX_STATEMENT_LENGTH)}...` : statement,
    fingerprint: grammar.fingerprint(text) ?? "",
  };
}

/** Entries that were told apart by what does not matter are one. Those that came while others were read are left out. */
function merged(entries: Iterable<StatementEntry>) {
  const known = [...entries].filter((entry) => entry.read !== undefined);
  const byName = Map.groupBy(known, ({ scope, read }) =>
    [scope.user, scope.database, read?.fingerprint].join("\0"),
  );
  return [...byName.values()].flatMap((alike) => {
    const [first] = alike.toSorted((one, other) => other.totalMs - one.totalMs);
    if (first === undefined) return [];
    const counts = new StatementCounts();
    for (const entry of alike) counts.add(entry);
    const { user, database } = first.scope;
    return [
      {
        ...{ user, database, ...(first.read ?? NOT_UNDERSTOOD), textLength: first.textLength },
        ...counts.snapshot(),
        lastMs: Math.max(...alike.map(({ lastMs }) => lastMs)),
        sinceMs: Math.min(...alike.map(({ sinceMs }) => sinceMs)),
      },
    ];
  });
}

class GroupStatements implements GroupListener {
  readonly size: number;
  readonly blocks = new Map<string, BlockStatements>();
  readonly #random: () => number;

  constructor(size: number, random: () => number) {
    this.size = size;
    this.#random = random;
  }

  block(name: string): BlockStatements {
    const known = this.blocks.get(name);
    if (known !== undefined) return known;
    const block = new BlockStatements(this.size, this.#random);
    this.blocks.set(name, block);
    return block;
  }
}
