import type { SwitchFlag } from "../command.ts";
import { readSettings } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { textTable } from "./text-table.ts";

const changedFlag: SwitchFlag = {
  type: "switch",
  name: "changed",
  description: "Leave out what is at its default",
  isOnByDefault: false,
};

const DEFAULT_ORIGIN = "default";

/** `gatewayd settings`. */
export const settingsCommand = apiCommand({
  name: "settings",
  summary: "Show the configuration that is in effect in the gateway that runs",
  description: `Lists every value of the configuration that is in effect in the gateway that runs, and where it comes from: a
default, a line of a file, an environment variable or a plugin. Secrets are shown as ***.

"gatewayd config show" tells what a gateway would make of the files as they are now.`,
  flags: [changedFlag],
  async ask(client, _operands, invocation) {
    const answer = await client.get("/api/v1/settings");
    if (!invocation.arguments.isOn(changedFlag)) return answer;
    return { settings: readSettings(answer).filter(({ origin }) => origin !== DEFAULT_ORIGIN) };
  },
  show: (answer) =>
    textTable(
      ["SETTING", "VALUE", "ORIGIN"],
      readSettings(answer).map(({ path, value, origin }) => [path, value, origin]),
    ),
});
