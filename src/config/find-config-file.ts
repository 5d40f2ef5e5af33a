/** Finds a configuration file and reads it. */
import { existsSync, readFileSync } from "node:fs";
import { plainStep } from "./loaded-config.ts";
import type { ConfigFiles, FoundFile, LoadOptions, NotFound } from "./loaded-config.ts";

const NAMES = { global: "gatewayd.yaml", plugins: "gatewayd_plugins.yaml" } as const;

/**
 * The file at `path`; without one, of the usual name in the working directory, then in /etc.
 */
export function findConfigFile(what: NotFound["what"], path: string | undefined): FoundFile {
  const triedPaths = path === undefined ? [`./${NAMES[what]}`, `/etc/${NAMES[what]}`] : [path];
  const found = triedPaths.find((candidate) => existsSync(candidate));
  if (found === undefined) return { kind: "missing", notFound: { what, triedPaths } };
  const shown = found.replace(/^\.\//, "");
  try {
    const bytes = readFileSync(found);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { kind: "found", path: shown, text };
  } catch (error) {
    const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: "unreadable", issue: { severity: "error", file: shown, path: "", message } };
  }
}

/**
 * Both files. To be read once: one that is a pipe has nothing to say the second time, and any may have changed
 * between two readings of the same configuration.
 */
export function readConfigFiles(options: LoadOptions): ConfigFiles {
  const { configPath, pluginConfigPath, step = plainStep } = options;
  return {
    global: step("Load global config file", () => findConfigFile("global", configPath)),
    plugins: step("Load plugin config file", () => findConfigFile("plugins", pluginConfigPath)),
  };
}
