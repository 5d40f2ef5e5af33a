import type { RunnableCommand } from "../command.ts";
import { readPlugin } from "./answers.ts";
import { LONG_DEADLINE_MS } from "./api-client.ts";
import { apiCommand } from "./api-command.ts";

/** `gatewayd plugin reload NAME`. */
export const pluginReloadCommand = action(
  "reload",
  "Start a plugin anew in the gateway that runs; its place in the order is kept",
);

/** `gatewayd plugin enable NAME`. */
export const pluginEnableCommand = action(
  "enable",
  "Start a plugin that is disabled in the gateway that runs",
);

/** `gatewayd plugin disable NAME`. */
export const pluginDisableCommand = action(
  "disable",
  "End a plugin in the gateway that runs, until the gateway is started again",
);

function action(name: string, summary: string): RunnableCommand {
  return apiCommand({
    name,
    summary,
    operands: [{ name: "NAME", meaning: "the name of a plugin" }],
    ask: (client, [plugin = ""]) =>
      client.post(
        `/api/v1/plugins/${encodeURIComponent(plugin)}/${name}`,
        undefined,
        LONG_DEADLINE_MS,
      ),
    show(answer) {
      const { name: plugin, state, version, reason } = readPlugin(answer);
      const why = reason === "" ? "" : `: ${reason}`;
      return `${plugin}${version === "" ? "" : ` ${version}`} is ${state}${why}\n`;
    },
  });
}
