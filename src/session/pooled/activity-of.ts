import type { SessionActivity } from "../relay.ts";
import type { HoldState } from "./server-hold.ts";

/**
 * What a pooled session is at.
 * @param hasRequest something that the client has sent waits
 * @param isQueryRunning its server works for it
 */
export function activityOf(
  state: HoldState,
  hasRequest: boolean,
  isQueryRunning: boolean,
): SessionActivity {
  switch (state) {
    case "none":
      return hasRequest ? "waiting" : "idle";
    case "waiting":
      return "waiting";
    case "held":
    case "riding":
      return isQueryRunning ? "active" : "idle";
    case "restoring":
    case "settling":
      return "active";
    case "over":
      return "ending";
  }
}
