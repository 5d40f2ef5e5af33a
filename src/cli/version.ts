import type { RunnableCommand } from "./command.ts";
import { versionLine } from "./version-info.ts";

/** `gatewayd version`. */
export const versionCommand: RunnableCommand = {
  kind: "runnable",
  name: "version",
  summary: "Show version information",
  flags: [],
  async run({ terminal }) {
    await terminal.err(`${versionLine}\n`);
    return 0;
  },
};
