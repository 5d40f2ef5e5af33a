import type { RunnableCommand } from "../command.ts";
import { apiCommand } from "./api-command.ts";
import { ApiProblem } from "./api-problem.ts";

/** `gatewayd pause GROUP.BLOCK`. */
export const pauseCommand = action(
  "pause",
  "Give no server connections of a block to clients, which wait until it is resumed",
  "is paused: clients that have a server connection keep it until their transaction ends",
);

/** `gatewayd resume GROUP.BLOCK`. */
export const resumeCommand = action("resume", "End a pause", "serves its clients again");

/** `gatewayd reconnect GROUP.BLOCK`. */
export const reconnectCommand = action(
  "reconnect",
  "Replace the server connections of a block: idle ones now, the others when they are given back",
  "is being connected anew",
);

function action(name: string, summary: string, done: string): RunnableCommand {
  return apiCommand({
    name,
    summary,
    operands: [{ name: "GROUP.BLOCK", meaning: "a block, as GROUP.BLOCK" }],
    ask: async (client, [place = ""]) => {
      const [group = "", block = "", ...rest] = place.split(".");
      if (group === "" || block === "" || rest.length > 0) {
        throw new ApiProblem(`"${place}" is no block: say GROUP.BLOCK, such as default.writes`);
      }
      const path = [group, block].map(encodeURIComponent).join("/");
      await client.post(`/api/v1/pools/${path}/${name}`);
      return { group, block };
    },
    show: () => `The block ${done}\n`,
  });
}
