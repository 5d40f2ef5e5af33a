import type { LoadOptions } from "../config/index.ts";
import type { Invocation } from "./command.ts";
import { configFlag, devFlag, pluginConfigFlag } from "./flags.ts";

/** What to load, by the flags that were given; a path that is not given is searched for. */
export function loadOptions({ arguments: given, env }: Invocation): LoadOptions {
  return {
    configPath: given.text(configFlag),
    pluginConfigPath: given.text(pluginConfigFlag),
    env,
    dev: given.isOn(devFlag),
  };
}
