/** A difference that is more than two clocks read one after the other have, and less than anybody looks for. */
const MAX_DRIFT_MS = 100;

/**
 * The time of spans, in milliseconds since the epoch, with fractions: as fine as a clock that never jumps, and close to the
 * system's time, which the log has and which may be set, or go on while the machine sleeps.
 */
export function spanClock(
  systemMs: () => number = Date.now,
  steadyMs: () => number = () => performance.now(),
): () => number {
  let originMs = systemMs() - steadyMs();
  return () => {
    const sinceMs = steadyMs();
    const nowMs = systemMs();
    if (Math.abs(originMs + sinceMs - nowMs) > MAX_DRIFT_MS) originMs = nowMs - sinceMs;
    return originMs + sinceMs;
  };
}

/** That of all spans of this process. */
export const spanTimeMs = spanClock();
