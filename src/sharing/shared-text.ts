/**
 * What is known of one statement, whatever numbers and strings stand in it, in one database and under one set of
 * settings.
 *
 * States: `unknown` -> `checking` -> `shared` | `exclusive` | `never`. What is shared or exclusive is checked again
 * when it is used a minute later, or after definitions of the database have changed. In the first case the old
 * verdict counts until the new one is there, unless it is too old; in the second it does not. Never shared is what
 * the grammar forbids, and what has large answers.
 */
import type { SharingScope } from "./sharing-scope.ts";
import type { StatementKey } from "./statement-key.ts";
import type { StatementNeeds } from "./collected-needs.ts";

/** A statement with a longer answer is not shared any more. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Of the moving average: how much a new value weighs. */
const WEIGHT = 1 / 8;

/** A result of the check, and when it was asked for. */
export interface Verdict {
  readonly isShared: boolean;
  /** Of the database's definitions, when it was asked. */
  readonly generation: number;
  /** Of the clock of verdicts. */
  readonly minute: number;
  readonly atMs: number;
}

const NONE: Verdict = { isShared: false, generation: Number.NaN, minute: 0, atMs: 0 };

export class SharedText {
  readonly scope: SharingScope;
  /** How long the server usually takes; 0 until it has answered once. */
  usualMs = 0;
  /** It has had an answer of more than 64 KiB. */
  isLarge = false;
  /** Undefined until the grammar has read it. */
  needs: StatementNeeds | undefined;
  #isNever = false;
  #verdict = NONE;
  /** With the numbers and strings it came with first, one byte a character, until it has been read. */
  #text: string;
  readonly #words: Int32Array;
  readonly #length: number;

  constructor(scope: SharingScope, key: StatementKey, text: string) {
    this.scope = scope;
    this.#text = text;
    this.#words = key.words.slice(0, key.wordCount);
    this.#length = key.length;
  }

  /**
   * Whether it may be shared now. Asked for each use: it notices what has changed since, and has the verdict found
   * or renewed. Costs no allocation while the verdict is fresh.
   */
  get isShared(): boolean {
    const { scope } = this;
    const verdict = this.#verdict;
    if (this.#isNever) return false;
    if (verdict.generation === scope.generation && verdict.minute === scope.clock.minute) {
      return verdict.isShared;
    }
    scope.check(this);
    const counts = verdict.generation === scope.generation && !scope.clock.isTooOld(verdict.atMs);
    return counts && verdict.isShared;
  }

  /** The server has answered it, so many ms after it had nothing else before it to do. */
  answered(ms: number, bytes: number): void {
    this.usualMs = this.usualMs === 0 ? ms : this.usualMs + (ms - this.usualMs) * WEIGHT;
    if (bytes > MAX_ANSWER_BYTES) this.isLarge = this.#isNever = true;
  }

  /** Bytes that its key takes. */
  get size(): number {
    return this.#length;
  }

  /** It is the statement of this key in this scope. */
  is(scope: SharingScope, key: StatementKey): boolean {
    if (this.#length !== key.length || this.scope !== scope) return false;
    const words = this.#words;
    const others = key.words;
    for (let at = 0; at < words.length; at++) if (words[at] !== others[at]) return false;
    return true;
  }

  /** To be read by the grammar, once. */
  get text(): string {
    return this.#text;
  }

  /** The grammar has read it. */
  isMadeOf(needs: StatementNeeds): void {
    this.needs = needs;
    this.#text = "";
  }

  /** The grammar, or what is never allowed, forbids it. */
  isNeverShared(): void {
    this.#isNever = true;
    this.#text = "";
  }

  /** The last verdict was against it. */
  get isExclusive(): boolean {
    return this.#verdict !== NONE && !this.#verdict.isShared;
  }

  judged(verdict: Verdict): void {
    this.#verdict = verdict;
  }

  /** For messages: with ? in place of numbers and strings. */
  toString(): string {
    const { buffer } = this.#words;
    const key = Buffer.from(buffer, 0, this.#length).toString("latin1");
    // Nothing else below a blank is in a key.
    return key.replace(/[^\x20-\x7e]/g, "?");
  }
}
