/** The statements of one block, counted: amid traffic. */
import { FrontendTag, HEADER_BYTES, lengthAt } from "../postgres/index.ts";
import type { BlockListener, WatchedSession, WatchedUnit } from "../watch/index.ts";
import { shapeOf } from "./statement-shape.ts";
import { StatementTable } from "./statement-table.ts";
import type { Scope, StatementCounts, StatementEntry } from "./statement-table.ts";
import { UnitSample } from "./unit-sample.ts";

/**
 * Units that take longer are sampled apart from the rest, as those that fail are: among many quick ones each of them is
 * looked at.
 */
const SLOW_MS = 10;

/** Texts of prepared statements whose shapes are known: they are the same strings each time. */
const MAX_KNOWN_TEXTS = 10_000;
/** Users in their databases; beyond, they are numbered anew. */
const MAX_SCOPES = 10_000;
const MAX_SEED = 0x7fffffff;
const SEED_PRIME = 0x9e3779b1;
const LOWER_RANGE = 2 ** 21;
const BE = 0x6265;
const ST = 0x7374;

interface Counting {
  readonly tookMs: number;
  /** When it ended. */
  readonly nowMs: number;
  /** How many units it counts for. */
  readonly weight: number;
}

interface NumberedScope extends Scope {
  readonly seed: number;
}

export class BlockStatements implements BlockListener {
  readonly table: StatementTable;
  readonly #quick: UnitSample;
  readonly #slow: UnitSample;
  readonly #shapes = new Map<string, number>();
  readonly #scopes = new Map<string, NumberedScope>();
  readonly #scopeOf = new WeakMap<WatchedSession, NumberedScope>();
  #lastSeed = 0;

  /** @param size how many statements at most; `random` gives from 0 to less than 1 */
  constructor(size: number, random: () => number) {
    this.table = new StatementTable(size);
    this.#quick = new UnitSample(random);
    this.#slow = new UnitSample(random);
  }

  /** Each is counted when it has ended. */
  unitBegan(): boolean {
    return true;
  }

  unitEnded(unit: WatchedUnit, tookMs: number): void {
    const { sqlState } = unit;
    const nowMs = unit.beganMs + tookMs;
    const sample = tookMs < SLOW_MS && sqlState === undefined ? this.#quick : this.#slow;
    const weight = sample.weightAt(nowMs);
    if (weight > 0) this.#count(unit, { tookMs, nowMs, weight });
  }

  #count(unit: WatchedUnit, { tookMs, nowMs, weight }: Counting): void {
    const { request, sqlState, rows } = unit;
    const isPreparing = sqlState === undefined && rows === undefined;
    if (isPreparing && request !== undefined && !mayExecute(request)) return;
    const entry = request && this.#entryOf(unit, request, nowMs);
    if (entry !== undefined) entry.lastMs = nowMs;
    const counts: StatementCounts = entry ?? this.table.unlisted;
    counts.calls += weight;
    counts.totalMs += weight * tookMs;
    if (tookMs > counts.maxMs) counts.maxMs = tookMs;
    counts.waitedMs += weight * unit.waitedMs;
    if (sqlState !== undefined) counts.errors += weight;
    if (rows !== undefined) counts.rows += weight * rows;
  }

  #entryOf(unit: WatchedUnit, request: Uint8Array, nowMs: number): StatementEntry | undefined {
    const scope = this.#scopeOf.get(unit.session) ?? this.#newScopeOf(unit.session);
    const shape = this.#shapeOf(unit, request);
    if (shape === undefined) return undefined;
    const key = keyOf(shape, scope.seed);
    const known = this.table.find(key);
    if (known !== undefined) return known;
    const { text } = unit;
    return text === undefined ? undefined : this.table.add(key, scope, text, nowMs);
  }

  #shapeOf(unit: WatchedUnit, request: Uint8Array): number | undefined {
    const isWhole = request.length >= HEADER_BYTES && request.length > lengthAt(request, 1);
    if (!isWhole) return undefined;
    if (request[0] === FrontendTag.Query) {
      return shapeOf(request, HEADER_BYTES, request.length);
    }
    if (request[0] === FrontendTag.Parse) {
      const from = request.indexOf(0, HEADER_BYTES) + 1;
      // A batch may begin a transaction and go on: it counts as what comes then.
      if (from > 0 && !mayBegin(request, from)) return shapeOf(request, from, request.length);
    }
    const { text } = unit;
    return text === undefined ? undefined : this.#shapeOfText(text);
  }

  #shapeOfText(text: string): number {
    const known = this.#shapes.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(text);
    const shape = shapeOf(bytes, 0, bytes.length);
    if (this.#shapes.size >= MAX_KNOWN_TEXTS) this.#shapes.clear();
    this.#shapes.set(text, shape);
    return shape;
  }

  #newScopeOf(session: WatchedSession): NumberedScope {
    const { user = "", database = "" } = session;
    // No name of a user or a database has a zero byte.
    const name = `${user}\0${database}`;
    const known = this.#scopes.get(name);
    const scope = known ?? { user, database, seed: this.#newSeed() };
    if (known === undefined) {
      if (this.#scopes.size >= MAX_SCOPES) this.#scopes.clear();
      this.#scopes.set(name, scope);
    }
    this.#scopeOf.set(session, scope);
    return scope;
  }

  #newSeed(): number {
    this.#lastSeed = (this.#lastSeed + 1) & MAX_SEED;
    return this.#lastSeed;
  }
}

/** Of a statement of one scope: shapes are whole numbers of 53 bits, of which the upper 32 are mixed with the seed. */
function keyOf(shape: number, seed: number): number {
  const upper = Math.floor(shape / LOWER_RANGE);
  return ((upper ^ Math.imul(seed, SEED_PRIME)) >>> 0) * LOWER_RANGE + (shape % LOWER_RANGE);
}

/** BEGIN or START TRANSACTION may begin there. */
function mayBegin(bytes: Uint8Array, from: number): boolean {
  const letters = letterAt(bytes, from) * 0x100 + letterAt(bytes, from + 1);
  return letters === BE || letters === ST;
}

/** In lower case, if it is one. */
function letterAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | 0x20;
}

/** It is more than a preparation, as far as is known of it. */
function mayExecute(request: Uint8Array): boolean {
  let at = 0;
  while (at + HEADER_BYTES <= request.length) {
    const tag = request[at];
    if (tag === FrontendTag.Query || tag === FrontendTag.Execute) return true;
    if (tag === FrontendTag.FunctionCall) return true;
    at += 1 + Math.max(HEADER_BYTES - 1, lengthAt(request, at + 1));
  }
  // The rest has come in other pieces.
  return at !== request.length;
}
