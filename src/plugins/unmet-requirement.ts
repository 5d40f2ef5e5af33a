import type { PluginDescription, PluginRequirement } from "./plugin-host.ts";
import { isVersionWanted } from "./version-range.ts";

/** Why a plugin cannot run beside the others that do; undefined when it can. */
export function unmetRequirement(
  { requires }: PluginDescription,
  others: readonly PluginDescription[],
): string | undefined {
  for (const requirement of requires) {
    const problem = problemOf(requirement, others);
    if (problem !== undefined) return `it requires ${describe(requirement)}: ${problem}`;
  }
  return undefined;
}

function problemOf(
  { name, version, remoteUrl = "" }: PluginRequirement,
  others: readonly PluginDescription[],
): string | undefined {
  const found = others.find((other) => other.name === name);
  if (found === undefined) return "no such plugin is running";
  if (remoteUrl !== "" && found.remoteUrl !== remoteUrl) {
    return found.remoteUrl === ""
      ? "the one that runs does not say where it is from"
      : `the one that runs is from ${found.remoteUrl}`;
  }
  if (isVersionWanted(found.version, version)) return undefined;
  return `the one that runs has version ${found.version === "" ? "unknown" : found.version}`;
}

function describe({ name, version, remoteUrl = "" }: PluginRequirement): string {
  return [name, version, remoteUrl === "" ? "" : `from ${remoteUrl}`].filter(Boolean).join(" ");
}
