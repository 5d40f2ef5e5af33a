import { parseDocument } from "yaml";
import type { DocumentOptions, ParseOptions, SchemaOptions } from "yaml";
import { InstallError } from "./install-error.ts";

/** Numbers stay as they are written: a checksum may have nothing but digits. */
export const NOTATION: ParseOptions & DocumentOptions & SchemaOptions = {
  prettyErrors: false,
  customTags: (tags) =>
    tags.filter((tag) => typeof tag === "string" || !/:(int|float)$/.test(tag.tag)),
};

/** An entry of `plugins`, as YAML has it. */
export type PluginEntry = Readonly<Record<string, unknown>>;

/**
 * The first entry of a plugin's own gatewayd_plugin.yaml: what its authors would have it run with.
 * @throws InstallError when there is none
 */
export function pluginEntry(text: string): PluginEntry {
  const document = parseDocument(text, NOTATION);
  const [error] = document.errors;
  if (error !== undefined) throw new InstallError(`its gatewayd_plugin.yaml: ${error.message}`);
  const content: unknown = document.toJS();
  const plugins = isRecord(content) ? content["plugins"] : undefined;
  const entry: unknown = Array.isArray(plugins) ? plugins[0] : undefined;
  if (!isRecord(entry)) throw new InstallError("its gatewayd_plugin.yaml has no plugin");
  return entry;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
