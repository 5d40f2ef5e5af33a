/** Reads what older versions wrote: keys since removed or renamed, and groups without blocks. */
import type { ConfigIssue } from "./config-issue.ts";
import {
  childOf,
  type ConfigNode,
  emptyMap,
  isNull,
  issueAt,
  mapAt,
  type MapEntry,
  type MapNode,
  type Path,
  textNode,
} from "./config-tree.ts";
import { nearestKey } from "./nearest-key.ts";
import { globalSchema, keySpec, type KeySpec } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";

const REMOVED_CLIENT_KEYS = ["receiveBufferSize"];
const REMOVED_PROXY_KEYS = ["elastic", "reuseElasticClients"];
const REMOVED_SERVER_KEYS = [
  "softLimit",
  "multiCore",
  "lockOSThread",
  "readBufferCap",
  "writeBufferCap",
  "socketRecvBuffer",
  "socketSendBuffer",
  "reuseAddress",
  "tcpKeepAlive",
  "tcpNoDelay",
];
const REMOVED_PLUGIN_KEYS = [
  "verificationPolicy",
  "compatibilityPolicy",
  "acceptancePolicy",
  "terminationPolicy",
];

/** The balancers of older versions; `true`: clients keep their block by their IP address. */
const OLD_BALANCERS: Readonly<Record<string, readonly [strategy: string, bySource: boolean]>> = {
  roundrobin: ["ROUND_ROBIN", false],
  leastconnections: ["LEAST_CONNECTIONS", false],
  sourceaddrhash: ["ROUND_ROBIN", true],
};

/** The block that a group without blocks becomes. */
const ONLY_BLOCK = "writes";

type Warn = (path: Path, message: string) => void;

/** Turns an older gatewayd.yaml into today's notation, in place, with a warning for each key. */
export function modernizeGlobal(root: ConfigNode): ConfigIssue[] {
  const [issues, warn] = collector(root);
  const spec = keySpec(globalSchema);
  for (const object of ["clients", "pools", "proxies"]) {
    const blockSpec = childSpec(childSpec(childSpec(spec, object), ""), "");
    for (const [group, entry] of groupsOf(root, object)) {
      const old = object === "clients" ? REMOVED_CLIENT_KEYS : REMOVED_PROXY_KEYS;
      if (isWithoutBlocks(entry.value, blockSpec, old)) {
        warn(
          [object, group],
          `a group without blocks, as in older versions: read as block "${ONLY_BLOCK}"`,
        );
        const place = entry.value.place;
        const block = { keyPlace: entry.keyPlace, value: entry.value };
        entry.value = { kind: "map", entries: new Map([[ONLY_BLOCK, block]]), place };
      }
      for (const [block, { value }] of entriesOf(entry.value)) {
        if (object === "clients") drop(value, REMOVED_CLIENT_KEYS, [object, group, block], warn);
        if (object === "proxies") drop(value, REMOVED_PROXY_KEYS, [object, group, block], warn);
      }
    }
  }
  for (const [group, { value }] of groupsOf(root, "servers")) {
    if (value.kind === "map") modernizeServer(value, ["servers", group], warn);
  }
  return issues;
}

/** Drops the removed keys of an older gatewayd_plugins.yaml, in place, with a warning for each. */
export function modernizePlugins(root: ConfigNode): ConfigIssue[] {
  const [issues, warn] = collector(root);
  drop(root, REMOVED_PLUGIN_KEYS, [], warn);
  return issues;
}

function modernizeServer(server: MapNode, path: Path, warn: Warn): void {
  drop(server, REMOVED_SERVER_KEYS, path, warn);
  const limit = server.entries.get("hardLimit");
  if (limit !== undefined) {
    const isUnlimited = limit.value.kind === "scalar" && Number(limit.value.text) === 0;
    const isTaken = isUnlimited || server.entries.has("maxConnections");
    warn(
      [...path, "hardLimit"],
      `has been replaced by maxConnections${isTaken ? " and is ignored" : ""}`,
    );
    server.entries.delete("hardLimit");
    if (!isTaken) server.entries.set("maxConnections", limit);
  }
  const balancer = server.entries.get("loadBalancer");
  if (balancer?.value.kind === "scalar")
    modernizeBalancer(balancer, [...path, "loadBalancer"], warn);
}

function modernizeBalancer(entry: MapEntry, path: Path, warn: Warn): void {
  if (entry.value.kind !== "scalar") return;
  const [strategy, bySource] = OLD_BALANCERS[entry.value.text.toLowerCase()] ?? [];
  if (strategy === undefined) return;
  const { keyPlace, value } = entry;
  const { place } = value;
  const hash = bySource === true ? " with consistentHash.useSourceIp" : "";
  warn(
    path,
    `"${value.text}" is the notation of older versions: read as strategy ${strategy}${hash}`,
  );
  const balancer = emptyMap(place);
  balancer.entries.set("strategy", { keyPlace, value: textNode(strategy, place) });
  if (bySource === true) {
    const consistentHash = emptyMap(place);
    consistentHash.entries.set("useSourceIp", { keyPlace, value: textNode("true", place) });
    balancer.entries.set("consistentHash", { keyPlace, value: consistentHash });
  }
  entry.value = balancer;
}

/** Whether a group holds the keys of a block, be they mistyped, where blocks should be. */
function isWithoutBlocks(
  group: ConfigNode,
  blockSpec: KeySpec | undefined,
  removedKeys: readonly string[],
): boolean {
  const known = blockSpec?.kind === "object" ? [...blockSpec.keys.keys(), ...removedKeys] : [];
  const entries = [...entriesOf(group)];
  return (
    entries.some(([key, { value }]) => !isNull(value) && nearestKey(key, known) !== undefined) &&
    entries.every(([key, { value }]) => known.includes(key) || value.kind !== "map")
  );
}

function drop(node: ConfigNode, keys: readonly string[], path: Path, warn: Warn): void {
  for (const key of keys) {
    if (childOf(node, key) === undefined || node.kind !== "map") continue;
    warn([...path, key], "was removed from gatewayd and is ignored");
    node.entries.delete(key);
  }
}

function collector(root: ConfigNode): [ConfigIssue[], Warn] {
  const issues: ConfigIssue[] = [];
  return [issues, (path, message) => issues.push(issueAt(root, path, "warning", message, "key"))];
}

function groupsOf(root: ConfigNode, object: string): Iterable<[string, MapEntry]> {
  return mapAt(root, object)?.entries ?? [];
}

function entriesOf(node: ConfigNode): Iterable<[string, MapEntry]> {
  return node.kind === "map" ? node.entries : [];
}
