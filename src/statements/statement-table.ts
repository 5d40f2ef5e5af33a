/**
 * So many statements of one block at most, those that take most time: Space-Saving (Metwally, Agrawal, El Abbadi: Efficient
 * Computation of Frequent and Top-k Elements in Data Streams, 2005) with time as the weight, but for two things. What goes
 * goes by the tenth, so that a stream of statements that are never seen again costs little. And a newcomer gets the
 * standing of what has gone, so that it can stay, but none of its figures: these are true since it came.
 *
 * Hence, with T the time of all statements together and n the size: whatever takes more than about T / (0.9 n) is here.
 */

/** Whose statements they are. */
export interface Scope {
  readonly user: string;
  readonly database: string;
}

/** What grows with each unit. */
export class StatementCounts {
  calls = 0;
  totalMs = 0;
  maxMs = 0;
  waitedMs = 0;
  rows = 0;
  errors = 0;

  /** Plain values. */
  snapshot(): Omit<StatementCounts, "add" | "snapshot"> {
    const { calls, totalMs, maxMs, waitedMs, rows, errors } = this;
    return { calls, totalMs, maxMs, waitedMs, rows, errors };
  }

  add(other: StatementCounts): void {
    this.calls += other.calls;
    this.totalMs += other.totalMs;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
    this.waitedMs += other.waitedMs;
    this.rows += other.rows;
    this.errors += other.errors;
  }
}

/** What PostgreSQL's grammar makes of a text; "" where it does not understand it. */
export interface ReadStatement {
  /** Without values. */
  readonly statement: string;
  readonly fingerprint: string;
}

export class StatementEntry extends StatementCounts {
  readonly scope: Scope;
  /** As it came first, until it is read; undefined if it was too long to be kept. */
  text: string | undefined;
  readonly textLength: number;
  /** Undefined until somebody has asked for it. */
  read: ReadStatement | undefined;
  /** When it came, and when it was seen last: on the clock of units. */
  readonly sinceMs: number;
  lastMs: number;
  /** The weight that it began with. */
  readonly floorMs: number;

  constructor(scope: Scope, text: string, sinceMs: number, floorMs: number) {
    super();
    this.scope = scope;
    this.text = text.length > MAX_TEXT_LENGTH ? undefined : text;
    this.textLength = text.length;
    this.sinceMs = sinceMs;
    this.lastMs = sinceMs;
    this.floorMs = floorMs;
  }

  get weightMs(): number {
    return this.floorMs + this.totalMs;
  }
}

/** Longer texts are counted, and never shown. */
const MAX_TEXT_LENGTH = 32 * 1024;
/** Where all places are taken, one in so many becomes free. */
const LEAVING = 10;

export class StatementTable {
  readonly #size: number;
  readonly #entries = new Map<number, StatementEntry>();
  #floorMs = 0;
  /** Of statements that have gone, and of units whose statement is not known. */
  #unlisted = new StatementCounts();
  #evictions = 0;

  constructor(size: number) {
    this.#size = size;
  }

  get entries(): Iterable<StatementEntry> {
    return this.#entries.values();
  }

  get unlisted(): StatementCounts {
    return this.#unlisted;
  }

  get evictions(): number {
    return this.#evictions;
  }

  find(key: number): StatementEntry | undefined {
    return this.#entries.get(key);
  }

  /** There is none of this key yet. */
  add(key: number, scope: Scope, text: string, nowMs: number): StatementEntry {
    if (this.#entries.size >= this.#size) this.#makeRoom();
    const entry = new StatementEntry(scope, text, nowMs, this.#floorMs);
    this.#entries.set(key, entry);
    return entry;
  }

  clear(): void {
    this.#entries.clear();
    this.#floorMs = 0;
    this.#unlisted = new StatementCounts();
    this.#evictions = 0;
  }

  #makeRoom(): void {
    const byWeight = [...this.#entries].toSorted(([, a], [, b]) => a.weightMs - b.weightMs);
    for (const [key, entry] of byWeight.slice(0, Math.ceil(this.#size / LEAVING))) {
      this.#entries.delete(key);
      this.#floorMs = Math.max(this.#floorMs, entry.weightMs);
      this.#unlisted.add(entry);
      this.#evictions++;
    }
  }
}
