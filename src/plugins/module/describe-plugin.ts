import type { StartedPlugin } from "../../sdk/index.ts";
import type { PluginDescription } from "../plugin-host.ts";

/** What a module says of itself, as every plugin does. */
export function describePlugin(plugin: StartedPlugin): PluginDescription {
  const { definition, hooks, unknownHooks } = plugin;
  return {
    name: definition.name,
    version: definition.version,
    remoteUrl: definition.remoteUrl ?? "",
    checksum: "",
    description: definition.description ?? "",
    authors: [...(definition.authors ?? [])],
    license: definition.license ?? "",
    projectUrl: definition.projectUrl ?? "",
    // Its settings are in the gateway's own configuration, and may be secret.
    config: {},
    requires: (definition.requires ?? []).map(({ name, version = "", remoteUrl = "" }) => ({
      name,
      version,
      remoteUrl,
    })),
    tags: [...(definition.tags ?? [])],
    categories: [...(definition.categories ?? [])],
    hooks: [...hooks],
    unknownHooks: [...unknownHooks],
  };
}
