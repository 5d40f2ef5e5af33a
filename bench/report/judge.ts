import type { Goal } from "../result.ts";
import { costGoals } from "./cost-goals.ts";
import { OURS, type Unjudged } from "./goals.ts";
import { hooksGoals } from "./hooks-goals.ts";
import { modesGoals } from "./modes-goals.ts";
import { passthroughGoals } from "./passthrough-goals.ts";

/**
 * Judges what was measured; what was not measured is not among the goals. `also` are the names of the programs
 * that were given on the command line.
 */
export function judge(result: Unjudged, also: readonly string[]): readonly Goal[] {
  switch (result.suite) {
    case "modes":
      return modesGoals(result, also);
    case "hooks":
      return hooksGoals(result);
    case "tracing":
      return costGoals(result, "gatewayd-traced-1%", OURS);
    case "counting":
      return costGoals(result, OURS, "gatewayd-uncounted");
    case "passthrough":
      return passthroughGoals(result, also);
  }
}
