import { LOG_LEVELS } from "../../logging/index.ts";
import type { TextFlag } from "../command.ts";
import { apiCommand } from "./api-command.ts";

const groupFlag: TextFlag = {
  type: "text",
  name: "group",
  description: "Only of this group",
  valueKind: "text",
};

/** `gatewayd set-level LEVEL`. */
export const setLevelCommand = apiCommand({
  name: "set-level",
  summary: "Change how much is logged, until the next reload",
  description: `Takes a level: ${LOG_LEVELS.join(", ")}.`,
  flags: [groupFlag],
  operands: ["a level"],
  ask: (client, [level = ""], invocation) => {
    const group = invocation.arguments.text(groupFlag) ?? "";
    return client.post("/api/v1/log-level", { level, group });
  },
  show: () => "The level is changed\n",
});
