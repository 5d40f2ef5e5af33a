/** Makes a backend fit for the next session after its own has ended. */
import type { PooledBackend } from "../../backend/index.ts";
import type { Slot } from "../../pool/index.ts";
import { Settings } from "../../postgres/index.ts";

export interface Remains {
  /** Everything was answered, and no transaction is open. */
  readonly isFit: boolean;
  /** The session has left something on the server. */
  readonly isDirty: boolean;
  /** What removes it. */
  readonly resetQuery: string;
}

/** Nothing less takes everything away that a session can leave: after that the backend is not shared. */
const RESETS_ALL = /\bdiscard\s+all\b/i;

/**
 * Gives the backend back: as it is, after a reset, or not at all, if the session left in the middle of
 * something. Never rejects.
 */
export async function cleanAfter(slot: Slot<PooledBackend>, remains: Remains): Promise<void> {
  const { isFit, isDirty, resetQuery } = remains;
  if (!isFit) {
    slot.release("broken");
    return;
  }
  if (!isDirty) {
    slot.release("clean");
    return;
  }
  try {
    const { error } = await slot.backend.run(resetQuery);
    slot.backend.settings = Settings.NONE;
    const isClean = error === undefined && RESETS_ALL.test(resetQuery);
    slot.release(isClean ? "clean" : "broken");
  } catch {
    // The connection is closed, and so cannot be used again.
    slot.release("lost");
  }
}
