/**
 * A configuration file between text and schema: a tree in which every node knows where it was
 * written. Older notations, environment variables and secrets are worked into this tree, so that
 * errors can name the place whatever a value went through.
 */
import type { ConfigIssue } from "./config-issue.ts";

/** Where a node was written; `default` for nodes that nobody wrote. */
export type Place =
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: "env"; readonly variable: string }
  | { readonly kind: "plugin"; readonly plugin: string }
  | { readonly kind: "default" };

export interface ScalarNode {
  readonly kind: "scalar";
  /** As written, without quotes. */
  text: string;
  /** As YAML understands it: a text, number, boolean, or null for nothing. */
  value: unknown;
  readonly place: Place;
  /** Whether the value came from a variable or file that the text refers to. */
  isSecret?: boolean;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: ConfigNode[];
  readonly place: Place;
}

export interface MapEntry {
  readonly keyPlace: Place;
  value: ConfigNode;
}

export interface MapNode {
  readonly kind: "map";
  readonly entries: Map<string, MapEntry>;
  readonly place: Place;
}

export type ConfigNode = ScalarNode | ListNode | MapNode;

/** Keys and list indexes from the root to a node. */
export type Path = readonly (string | number)[];

export const NO_PLACE: Place = { kind: "default" };

export function emptyMap(place: Place = NO_PLACE): MapNode {
  return { kind: "map", entries: new Map(), place };
}

export function textNode(text: string, place: Place): ScalarNode {
  return { kind: "scalar", text, value: text, place };
}

/** Whether a node is a key without a value (`key:`, `key: null`). */
export function isNull(node: ConfigNode | undefined): boolean {
  return node?.kind === "scalar" && node.value === null;
}

/** The node one step below, or undefined. */
export function childOf(node: ConfigNode | undefined, step: string | number) {
  if (node?.kind === "map") return node.entries.get(String(step))?.value;
  return node?.kind === "list" ? node.items[Number(step)] : undefined;
}

/** The node at a path, or undefined. */
export function nodeAt(root: ConfigNode, path: Path): ConfigNode | undefined {
  return path.reduce<ConfigNode | undefined>(childOf, root);
}

/** The map under a key of a map; undefined if there is none. */
export function mapAt(node: ConfigNode | undefined, key: string): MapNode | undefined {
  const child = childOf(node, key);
  return child?.kind === "map" ? child : undefined;
}

/** The map under a key of a map, put there when missing or null. */
export function ensureMap(parent: MapNode, key: string): MapNode | undefined {
  const entry = parent.entries.get(key);
  if (entry !== undefined && !isNull(entry.value)) {
    return entry.value.kind === "map" ? entry.value : undefined;
  }
  const map = emptyMap(entry?.keyPlace);
  parent.entries.set(key, { keyPlace: entry?.keyPlace ?? NO_PLACE, value: map });
  return map;
}

/** The best place to name for a path: the node's, else that of the nearest key above it. */
export function placeOf(root: ConfigNode, path: Path, part: "key" | "value" = "value"): Place {
  let place = NO_PLACE;
  let node: ConfigNode | undefined = root;
  for (const [index, step] of path.entries()) {
    const entry: MapEntry | undefined =
      node?.kind === "map" ? node.entries.get(String(step)) : undefined;
    node = childOf(node, step);
    if (node === undefined) break;
    const isLast = index === path.length - 1;
    const own = entry !== undefined && !(isLast && part === "value") ? entry.keyPlace : node.place;
    if (own.kind !== "default") place = own;
  }
  return place;
}

/** An issue about the node at a path; secrets that the message quotes are hidden. */
export function issueAt(
  root: ConfigNode,
  path: Path,
  severity: ConfigIssue["severity"],
  message: string,
  part: "key" | "value" = "value",
): ConfigIssue {
  const shown = secretsIn(nodeAt(root, path)).reduce(
    (text, secret) => text.replaceAll(`"${secret}"`, '"***"'),
    message,
  );
  return placedIssue(placeOf(root, path, part), path, severity, shown);
}

function secretsIn(node: ConfigNode | undefined): string[] {
  if (node?.kind === "list") return node.items.flatMap(secretsIn);
  return node?.kind === "scalar" && node.isSecret === true ? [node.text] : [];
}

/** An issue at a place. */
export function placedIssue(
  place: Place,
  path: Path,
  severity: ConfigIssue["severity"],
  message: string,
): ConfigIssue {
  const about = { severity, path: path.join("."), message };
  if (place.kind === "env") return { ...about, env: place.variable };
  if (place.kind === "plugin") return { ...about, plugin: place.plugin };
  if (place.kind === "default") return about;
  return { ...about, file: place.file, line: place.line, column: place.column };
}
