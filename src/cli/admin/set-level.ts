import { LOG_LEVELS } from "../../logging/index.ts";
import { apiCommand } from "./api-command.ts";
import { groupFlag } from "./list-flags.ts";

/** `gatewayd set-level LEVEL`. */
export const setLevelCommand = apiCommand({
  name: "set-level",
  summary: "Change how much is logged, until the next reload",
  description: `Takes a level: ${LOG_LEVELS.join(", ")}.`,
  flags: [groupFlag],
  operands: [{ name: "LEVEL", meaning: "a level" }],
  ask: (client, [level = ""], invocation) => {
    const group = invocation.arguments.text(groupFlag) ?? "";
    return client.post("/api/v1/log-level", { level, group });
  },
  show: () => "The level is changed\n",
});
