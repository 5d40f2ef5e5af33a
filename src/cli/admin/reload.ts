import { readReload } from "./answers.ts";
import { LONG_DEADLINE_MS } from "./api-client.ts";
import { apiCommand } from "./api-command.ts";

/** `gatewayd reload`. */
export const reloadCommand = apiCommand({
  name: "reload",
  summary: "Put into effect what the configuration files say now",
  description: `Has the gateway read its configuration files again, as SIGHUP does. When anything is wrong in them it is
told with its line and column, nothing is changed, and the exit code is 1. Keys that only a restart puts into effect are
named; docs/configuration.md says of each key whether it is one of them.`,
  ask: (client) => client.post("/api/v1/reload", undefined, LONG_DEADLINE_MS),
  show: (answer) => {
    const { changed, needsRestart, warnings } = readReload(answer);
    const lines = [
      ...warnings.map((warning) => `Warning: ${warning}`),
      changed.length === 0 ? "Nothing has changed" : "Changed:",
      ...changed.map((path) => `  ${path}`),
      ...(needsRestart.length === 0 ? [] : ["In effect after a restart only:"]),
      ...needsRestart.map((path) => `  ${path}`),
    ];
    return `${lines.join("\n")}\n`;
  },
});
