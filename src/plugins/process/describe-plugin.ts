/** What a plugin says of itself, from the answer to GetPluginConfig. */
import { GatewayError } from "../../errors.ts";
import { HOOK_NUMBERS, type HookName } from "../../hooks/index.ts";
import type { PluginDescription, PluginRequirement } from "../plugin-host.ts";

const HOOK_OF_NUMBER: ReadonlyMap<number, HookName> = new Map(
  Object.entries(HOOK_NUMBERS).map(([name, number]) => [number, name as HookName]), // Its own keys.
);

/**
 * Reads the values as every plugin made with GatewayD's SDK answers them. What is missing is empty.
 *
 * @throws a GatewayError when the plugin does not even say its name
 */
export function describePlugin(answer: Readonly<Record<string, unknown>>): PluginDescription {
  const id = objectIn(answer, "id");
  const name = textIn(id, "name");
  if (name === "") {
    throw new GatewayError("ERR_PLUGIN_DESCRIPTION", "GetPluginConfig answers without `id.name`");
  }
  const numbers = listIn(answer, "hooks");
  const hooks = numbers.map((number) => HOOK_OF_NUMBER.get(Number(number)));
  return {
    name,
    version: textIn(id, "version"),
    remoteUrl: textIn(id, "remoteUrl"),
    checksum: textIn(id, "checksum"),
    description: textIn(answer, "description"),
    authors: textsIn(answer, "authors"),
    license: textIn(answer, "license"),
    projectUrl: textIn(answer, "projectUrl"),
    config: Object.fromEntries(Object.entries(objectIn(answer, "config")).filter(isTextEntry)),
    requires: listIn(answer, "requires").flatMap(readRequirement),
    tags: textsIn(answer, "tags"),
    categories: textsIn(answer, "categories"),
    hooks: [...new Set(hooks.filter((hook) => hook !== undefined))],
    unknownHooks: numbers.filter((_, index) => hooks[index] === undefined).map(String),
  };
}

function readRequirement(value: unknown): readonly PluginRequirement[] {
  if (typeof value !== "object" || value === null) return [];
  const name = textIn(value, "name");
  const version = textIn(value, "version");
  return name === "" ? [] : [{ name, version, remoteUrl: textIn(value, "remoteUrl") }];
}

function objectIn(values: object, key: string): object {
  const value: unknown = Reflect.get(values, key);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function listIn(values: object, key: string): readonly unknown[] {
  const value: unknown = Reflect.get(values, key);
  return Array.isArray(value) ? value : [];
}

function textIn(values: object, key: string): string {
  const value: unknown = Reflect.get(values, key);
  return typeof value === "string" ? value : "";
}

function textsIn(values: object, key: string): readonly string[] {
  return listIn(values, key).filter((value) => typeof value === "string");
}

function isTextEntry(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === "string";
}
