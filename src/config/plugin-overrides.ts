/** Puts what plugins have set at OnConfigLoaded into a {@link ConfigNode} tree. */
import type { ConfigIssue } from "./config-issue.ts";
import { type ConfigNode, emptyMap, type MapNode, type Place, textNode } from "./config-tree.ts";
import { lowerCaseNames } from "./group-names.ts";
import { modernizeGlobal } from "./legacy-keys.ts";
import { globalSchema, keySpec, type KeySpec } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";

/** Keys of gatewayd.yaml that a plugin has set. */
export interface ConfigOverride {
  /** Its name. */
  readonly plugin: string;
  /** By dotted key, values as hooks have them: durations in nanoseconds, or as the files write them. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Sets, in place, every key that was overridden, as if the plugin had written a file: older notations are
 * read, names lower-cased. Values are checked later like those of the file.
 */
export function applyOverride(root: MapNode, { plugin, values }: ConfigOverride): ConfigIssue[] {
  const place: Place = { kind: "plugin", plugin };
  const tree = emptyMap(place);
  for (const [key, value] of Object.entries(values)) {
    setAt(tree, keysOf(key), nodeOf(value, place), place);
  }
  const issues = [...modernizeGlobal(tree), ...lowerCaseNames(tree)];
  merge(root, tree);
  return issues;
}

/** The steps of a dotted key; names of settings have dots of their own (`startupParams.myapp.user`). */
function keysOf(dotted: string): readonly string[] {
  const words = dotted.split(".");
  const keys: string[] = [];
  let spec: KeySpec | undefined = keySpec(globalSchema);
  for (const [index, word] of words.entries()) {
    const isSetting = spec?.kind === "object" && !spec.keys.has(word) && spec.others !== undefined;
    if (isSetting) return [...keys, words.slice(index).join(".")];
    keys.push(word);
    spec = childSpec(spec, word);
  }
  return keys;
}

function nodeOf(value: unknown, place: Place): ConfigNode {
  if (value instanceof Uint8Array) return textNode(Buffer.from(value).toString(), place);
  if (Array.isArray(value)) {
    return { kind: "list", items: value.map((item) => nodeOf(item, place)), place };
  }
  if (typeof value === "object" && value !== null) {
    const map = emptyMap(place);
    for (const [key, child] of Object.entries(value)) {
      map.entries.set(key, { keyPlace: place, value: nodeOf(child, place) });
    }
    return map;
  }
  if (value === null || value === undefined)
    return { kind: "scalar", text: "", value: null, place };
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { kind: "scalar", text, value, place };
}

function setAt(tree: MapNode, keys: readonly string[], value: ConfigNode, place: Place): void {
  let map = tree;
  for (const key of keys.slice(0, -1)) {
    const present = map.entries.get(key)?.value;
    const below = present?.kind === "map" ? present : emptyMap(place);
    map.entries.set(key, { keyPlace: place, value: below });
    map = below;
  }
  const last = keys.at(-1);
  if (last !== undefined) map.entries.set(last, { keyPlace: place, value });
}

/** Maps are gone into, everything else is replaced. */
function merge(into: MapNode, from: MapNode): void {
  for (const [key, entry] of from.entries) {
    const present = into.entries.get(key)?.value;
    if (entry.value.kind === "map" && present?.kind === "map") merge(present, entry.value);
    else into.entries.set(key, entry);
  }
}
