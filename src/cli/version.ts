import type { RunnableCommand } from "./command.ts";
import { versionInfo } from "./version-info.ts";

/** `gatewayd version`. */
export const versionCommand: RunnableCommand = {
  kind: "runnable",
  name: "version",
  summary: "Show version information",
  flags: [],
  async run({ terminal }) {
    const { version, details, runtime, platform } = versionInfo;
    await terminal.err(`GatewayD ${version} (${details}, ${runtime}, ${platform})\n`);
    return 0;
  },
};
