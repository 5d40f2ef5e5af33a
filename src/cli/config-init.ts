import { defaultGlobalYaml } from "../config/index.ts";
import type { RunnableCommand } from "./command.ts";
import { configFlag, forceFlag, sentryFlag } from "./flags.ts";
import { defaultFilePath, writeDefaultFile } from "./write-default-file.ts";

/** `gatewayd config init`. */
export const configInitCommand: RunnableCommand = {
  kind: "runnable",
  name: "init",
  summary: "Create a global configuration file with all defaults",
  flags: [configFlag, forceFlag, sentryFlag],
  run({ arguments: given, terminal }) {
    return writeDefaultFile(terminal, {
      path: given.text(configFlag) ?? defaultFilePath("gatewayd.yaml"),
      content: defaultGlobalYaml(),
      isForced: given.isOn(forceFlag),
    });
  },
};
