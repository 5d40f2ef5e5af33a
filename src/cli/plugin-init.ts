import { defaultPluginsYaml } from "../config/index.ts";
import type { RunnableCommand } from "./command.ts";
import { forceFlag, pluginConfigFlag, sentryFlag } from "./flags.ts";
import { defaultFilePath, writeDefaultFile } from "./write-default-file.ts";

/** `gatewayd plugin init`. */
export const pluginInitCommand: RunnableCommand = {
  kind: "runnable",
  name: "init",
  summary: "Create a plugins configuration file with all defaults",
  flags: [pluginConfigFlag, forceFlag, sentryFlag],
  run({ arguments: given, terminal }) {
    return writeDefaultFile(terminal, {
      path: given.text(pluginConfigFlag) ?? defaultFilePath("gatewayd_plugins.yaml"),
      content: defaultPluginsYaml(),
      isForced: given.isOn(forceFlag),
    });
  },
};
