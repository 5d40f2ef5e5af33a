import type { Goal } from "../result.ts";
import type { Unjudged } from "./goals.ts";
import { modesGoals } from "./modes-goals.ts";
import { passthroughGoals } from "./passthrough-goals.ts";

/**
 * Judges what was measured; what was not measured is not among the goals. `also` are the names of the programs
 * that were given on the command line.
 */
export function judge(result: Unjudged, also: readonly string[]): readonly Goal[] {
  return result.suite === "modes" ? modesGoals(result, also) : passthroughGoals(result, also);
}
