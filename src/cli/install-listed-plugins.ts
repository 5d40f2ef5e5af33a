import { existsSync } from "node:fs";
import type { PluginConfig } from "../config/index.ts";
import {
  InstallError,
  installPlugin,
  type InstallOptions,
  pluginSource,
} from "../install/index.ts";

/**
 * Installs the plugins that the configuration names by their url, one after the other; those whose file is there
 * are replaced if they may be. Resolves with the exit code.
 *
 * @param isSilent nobody was asked whether they may: then either all are installed or none
 */
export async function installListedPlugins(
  plugins: readonly PluginConfig[],
  options: InstallOptions,
  isSilent: boolean,
): Promise<number> {
  const { say, mayReplace } = options;
  await say("Installing plugins from plugins configuration file");
  if (plugins.length === 0) throw new InstallError(`${options.configPath} has no plugins`);
  // All of them are looked at before the first one is fetched.
  const listed = plugins.map(({ name, url, localPath }) => {
    if (url === "") {
      throw new InstallError(
        `Plugin URL or file path not found in the plugins configuration file for ${name}`,
      );
    }
    return { name, source: pluginSource(url), isThere: localPath !== "" && existsSync(localPath) };
  });
  const isAnyThere = listed.some(({ isThere }) => isThere);
  const areReplaced = !isAnyThere || (await mayReplace());
  if (!areReplaced && isSilent) {
    await say("Use the --update flag to update the plugins\nAborting...");
    return 1;
  }
  for (const { name, source, isThere } of listed) {
    if (isThere && !areReplaced) {
      await say(`${name} stays as it is`);
      continue;
    }
    await say(`Installing ${name}`);
    await installPlugin(source, {
      ...options,
      name: source.kind === "archive" ? name : options.name,
      entryName: name,
      mayReplace: async () => true,
    });
  }
  return 0;
}
