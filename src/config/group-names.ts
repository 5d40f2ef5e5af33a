/** The groups and blocks of gatewayd.yaml: their names, and the ones that are only implied. */
import type { ConfigIssue } from "./config-issue.ts";
import {
  type ConfigNode,
  emptyMap,
  ensureMap,
  isNull,
  issueAt,
  mapAt,
  type MapNode,
  type Path,
} from "./config-tree.ts";

const OBJECTS_WITH_GROUPS = ["loggers", "metrics", "clients", "pools", "proxies", "servers"];
const OBJECTS_WITH_BLOCKS = ["clients", "pools", "proxies"];

/** Lower-cases the names of groups and blocks, in place; names that then coincide are errors. */
export function lowerCaseNames(root: ConfigNode): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const object of OBJECTS_WITH_GROUPS) {
    const groups = mapAt(root, object);
    if (groups === undefined) continue;
    issues.push(...lowerCaseKeys(root, groups, [object]));
    if (!OBJECTS_WITH_BLOCKS.includes(object)) continue;
    for (const [group, { value }] of groups.entries) {
      if (value.kind === "map") issues.push(...lowerCaseKeys(root, value, [object, group]));
    }
  }
  return issues;
}

function lowerCaseKeys(root: ConfigNode, map: MapNode, path: Path): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const entries = [...map.entries];
  const taken = new Set<string>();
  for (const [name] of entries) {
    const lower = name.toLowerCase();
    if (taken.has(lower)) {
      const message = `the name "${lower}" is given twice (names do not tell upper from lower case)`;
      issues.push(issueAt(root, [...path, name], "error", message, "key"));
    }
    taken.add(lower);
  }
  map.entries.clear();
  for (const [name, entry] of entries) map.entries.set(name.toLowerCase(), entry);
  return issues;
}

/** Groups and blocks that are named and then left empty. `{}` is how a block takes all defaults. */
export function findEmptyNames(root: ConfigNode): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const check = (node: ConfigNode, path: Path, holdsBlocks: boolean): void => {
    if (isNull(node)) {
      const message = `is empty${holdsBlocks ? "" : "; write {} to take all defaults"}`;
      issues.push(issueAt(root, path, "error", message, "key"));
    } else if (holdsBlocks && node.kind === "map" && node.entries.size === 0) {
      issues.push(issueAt(root, path, "error", "has no blocks", "key"));
    }
  };
  for (const object of OBJECTS_WITH_GROUPS) {
    const holdsBlocks = OBJECTS_WITH_BLOCKS.includes(object);
    for (const [group, { value }] of mapAt(root, object)?.entries ?? []) {
      check(value, [object, group], holdsBlocks);
      if (!holdsBlocks || value.kind !== "map") continue;
      for (const [block, entry] of value.entries) check(entry.value, [object, group, block], false);
    }
  }
  return issues;
}

/**
 * Adds, in place, the groups and blocks that the named ones imply, with nothing but defaults: each
 * block of `clients` has a pool and a proxy, each group of `clients` a server and a logger. Only a
 * file that names no client at all gets one, the block `writes` of the group `default`.
 */
export function addImpliedNames(root: MapNode): void {
  const clients = ensureMap(root, "clients");
  if (clients === undefined) return;
  if (clients.entries.size === 0) ensureMap(clients, "default")?.entries.set("writes", empty());
  for (const object of ["loggers", "metrics"]) addNames(ensureMap(root, object), ["default"]);
  addNames(ensureMap(root, "loggers"), clients.entries.keys());
  addNames(ensureMap(root, "servers"), clients.entries.keys());
  for (const object of ["pools", "proxies"]) {
    const groups = ensureMap(root, object);
    for (const [group, { value }] of clients.entries) {
      if (groups === undefined || value.kind !== "map") continue;
      addNames(ensureMap(groups, group), value.entries.keys());
    }
  }
}

function addNames(map: MapNode | undefined, names: Iterable<string>): void {
  for (const name of names) {
    if (map !== undefined && !map.entries.has(name)) map.entries.set(name, empty());
  }
}

function empty() {
  const map = emptyMap();
  return { keyPlace: map.place, value: map };
}
