/** The statements that a block knows, found by their keys, bounded in count and bytes. */
import type { SharedText } from "./shared-text.ts";
import type { SharingScope } from "./sharing-scope.ts";
import type { StatementKey } from "./statement-key.ts";

/** Twice as many are kept at most. */
const MAX_TEXTS = 5_000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Two generations: what has not been looked up while the younger one filled goes with the older one. Of two keys
 * with the same hash the later one takes the place.
 */
export class TextTable {
  #young = new Map<number, SharedText>();
  #old = new Map<number, SharedText>();
  #bytes = 0;

  find(scope: SharingScope, key: StatementKey): SharedText | undefined {
    const slot = slotOf(scope, key);
    const young = this.#young.get(slot);
    if (young !== undefined) return young.is(scope, key) ? young : undefined;
    const old = this.#old.get(slot);
    if (old === undefined || !old.is(scope, key)) return undefined;
    this.#old.delete(slot);
    this.#add(slot, old);
    return old;
  }

  add(text: SharedText, key: StatementKey): void {
    this.#add(slotOf(text.scope, key), text);
  }

  #add(slot: number, text: SharedText): void {
    if (this.#young.size >= MAX_TEXTS || this.#bytes >= MAX_BYTES) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#bytes = 0;
    }
    this.#young.set(slot, text);
    this.#bytes += text.size;
  }
}

function slotOf(scope: SharingScope, key: StatementKey): number {
  return key.hash ^ scope.salt;
}
