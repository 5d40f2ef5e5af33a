/**
 * What is known of one statement, whatever numbers and strings stand in it, in one database and under one set of
 * settings.
 *
 * States: `unknown` -> `checking` -> `shared` | `exclusive`. A verdict grows stale after a minute, and is found
 * anew when it is used then; until it is there the old one counts, unless it is too old, or the database's
 * definitions have changed.
 */
import type { SharingScope } from "./sharing-scope.ts";
import type { StatementKey } from "./statement-key.ts";

/** A statement with a longer answer is not shared any more. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Of the moving average: how much a new value weighs. */
const WEIGHT = 1 / 8;

export class SharedText {
  /** The statement with its numbers and strings, as it came first; one byte a character. */
  readonly text: string;
  readonly scope: SharingScope;
  /** How long the server usually takes; 0 until it has answered once. */
  usualMs = 0;
  /** It has had an answer of more than 64 KiB. */
  isLarge = false;
  /** Of the key. */
  readonly hash: number;
  readonly #words: Int32Array;
  readonly #length: number;

  constructor(scope: SharingScope, key: StatementKey, text: string) {
    this.scope = scope;
    this.hash = key.hash;
    this.text = text;
    this.#words = key.words.slice(0, key.wordCount);
    this.#length = key.length;
  }

  /**
   * Whether it may be shared now. Asked for each use: it notices what has changed since, and has the verdict
   * found or renewed. Costs no allocation while the verdict is fresh.
   */
  get isShared(): boolean {
    return false;
  }

  /** The server has answered it, in so many ms since it was at the head of its queue. */
  answered(ms: number, bytes: number): void {
    this.usualMs = this.usualMs === 0 ? ms : this.usualMs + (ms - this.usualMs) * WEIGHT;
    if (bytes > MAX_ANSWER_BYTES) this.isLarge = true;
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
}
