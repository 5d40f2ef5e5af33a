import { editDistance } from "../config/index.ts";

/**
 * The candidate that was probably meant, or undefined when none is close: it begins with what was
 * typed (two letters at least), or a third of its letters at most differ (one always may).
 */
export function nearestName(typed: string, candidates: Iterable<string>): string | undefined {
  const lowered = typed.toLowerCase();
  let nearest: string | undefined;
  let nearestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const isBeginning = lowered.length >= 2 && candidate.startsWith(lowered);
    const distance = isBeginning ? 1 : editDistance(lowered, candidate.toLowerCase());
    const allowed = Math.max(1, Math.floor(candidate.length / 3));
    if (distance <= allowed && distance < nearestDistance && distance < candidate.length) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}
