import type { SessionAtRest } from "./pooled-relay-options.ts";
import type { RelayParts } from "./relay-parts.ts";

/**
 * What there is of a session without its relay; undefined while anything is under way, or tied to a backend.
 * @param idleUntilMs when its idle time is up; undefined when that is not limited
 */
export function restOf(
  parts: RelayParts,
  idleUntilMs: number | undefined,
): SessionAtRest | undefined {
  const { hold, side, session } = parts;
  if (!isQuiet(parts) || !session.isPortable) return undefined;
  const { client, hooked } = side;
  const { settings, told, ownName } = session;
  const statements = session.statements?.keep();
  const { lane } = hold;
  return { client, hooked, lane, settings, told, ownName, statements, idleUntilMs };
}

/** Nothing has been begun, by whichever side, that is not at its end. */
function isQuiet({ ledger, hold, side, gate, requests, answers, read }: RelayParts): boolean {
  if (hold.state !== "none" || !ledger.isIdle || ledger.isInTransaction) return false;
  if (!side.isAtRest || !gate.isAtRest) return false;
  return requests.isAtBoundary && answers.isAtBoundary && read.isFaithful;
}
