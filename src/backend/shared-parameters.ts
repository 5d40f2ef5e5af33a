/**
 * Gives equal sets of reported parameters the same object, so that a session that goes on at another
 * backend sees at once, most of the time, that there is nothing to tell its client.
 */

type Parameters = ReadonlyMap<string, string>;

/** Sets that are remembered: clients differ in few ways, and a forgotten one only costs a comparison. */
const MAX_SETS = 32;

/** Those that were asked for last, the newest first. */
const remembered: Parameters[] = [];

/** The same parameters, which must not change: an equal map that is in use already, if one is remembered. */
export function sharedParameters(parameters: Parameters): Parameters {
  const at = remembered.findIndex((known) => areEqual(known, parameters));
  const shared = remembered[at] ?? parameters;
  if (at >= 0) remembered.splice(at, 1);
  remembered.unshift(shared);
  if (remembered.length > MAX_SETS) remembered.pop();
  return shared;
}

function areEqual(left: Parameters, right: Parameters): boolean {
  if (left.size !== right.size) return false;
  for (const [name, value] of left) if (right.get(name) !== value) return false;
  return true;
}
