/** What must fit together in gatewayd.yaml beyond each key by itself. */
import type { ConfigIssue } from "./config-issue.ts";
import { checkKeyPair, type CheckReport, reportOn } from "./check-report.ts";
import { checkApi } from "./check-api.ts";
import { checkClient } from "./check-client.ts";
import { checkConsole } from "./check-console.ts";
import { checkLoggers } from "./check-loggers.ts";
import { checkModes } from "./check-modes.ts";
import { checkRoutes } from "./check-routes.ts";
import { checkServer } from "./check-server.ts";
import { checkTracing } from "./check-tracing.ts";
import type { ConfigNode, Path } from "./config-tree.ts";
import { suggestion } from "./nearest-key.ts";
import type { GlobalConfig } from "./schema/index.ts";

/** All errors and warnings about how the keys of gatewayd.yaml fit together. */
export function checkGlobal(config: GlobalConfig, root: ConfigNode): ConfigIssue[] {
  const { report, issues } = reportOn(root);
  checkReferences(config, report);
  for (const [group, blocks] of Object.entries(config.clients)) {
    const hasRoutes = config.servers[group]?.routes !== undefined;
    checkClients(group, blocks, hasRoutes, report);
  }
  for (const [group, server] of Object.entries(config.servers)) {
    const pools = config.pools[group] ?? {};
    const clients = config.clients[group] ?? {};
    checkModes(group, server, pools, clients, report);
    checkServer(group, server, Object.keys(clients), report);
    checkRoutes(group, server, pools, clients, report);
  }
  checkListenAddresses(config, report);
  checkLoggers(config.loggers, report);
  checkMetrics(config, report);
  checkApi(config.api, report);
  checkConsole(config, report);
  checkRaft(config, report);
  if (config.tracing !== undefined) checkTracing(config.tracing, report);
  return issues;
}

/** Every pool, proxy and server belongs to a client of the same name. */
function checkReferences(config: GlobalConfig, report: CheckReport): void {
  const groups = Object.keys(config.clients);
  for (const object of ["pools", "proxies"] as const) {
    for (const [group, blocks] of Object.entries(config[object])) {
      const known = Object.keys(config.clients[group] ?? {});
      for (const block of Object.keys(blocks)) {
        if (known.includes(block)) continue;
        const hint = known.length > 0 ? suggestion(block, known) : suggestion(group, groups);
        report.error([object, group, block], `is not among the clients${hint}`);
      }
    }
  }
  for (const group of Object.keys(config.servers)) {
    if (groups.includes(group)) continue;
    report.error(["servers", group], `the group has no clients${suggestion(group, groups)}`);
  }
  for (const group of Object.keys(config.loggers)) {
    if (group === "default" || groups.includes(group)) continue;
    const hint = suggestion(group, groups);
    report.warning(["loggers", group], `has no effect: there are no clients of this group${hint}`);
  }
}

function checkClients(
  group: string,
  blocks: GlobalConfig["clients"][string],
  hasRoutes: boolean,
  report: CheckReport,
): void {
  const addresses = new Map<string, string>();
  for (const [block, client] of Object.entries(blocks)) {
    checkClient(group, block, client, report);
    addresses.set(client.address, block);
  }
  if (addresses.size > 1 && !hasRoutes) {
    const places = [...addresses].map(([address, block]) => `${block} (${address})`).join(", ");
    report.warning(
      ["clients", group],
      `connections, those that write included, are spread over all blocks: ${places}`,
    );
  }
}

/** No two listeners want the same address. */
function checkListenAddresses(config: GlobalConfig, report: CheckReport): void {
  const listeners: [Path, string][] = Object.entries(config.servers).flatMap(([group, server]) =>
    server.address.map((address): [Path, string] => [["servers", group, "address"], address]),
  );
  const pages = Object.entries(config.metrics).filter(([, { enabled }]) => enabled);
  // Several groups may share one: checked with them.
  const addresses = new Map(
    pages.map(([group, { address }]) => [address, group] as const).toReversed(),
  );
  for (const [address, group] of addresses)
    listeners.push([["metrics", group, "address"], address]);
  if (config.api.enabled) {
    listeners.push([["api", "httpAddress"], config.api.httpAddress]);
    listeners.push([["api", "grpcAddress"], config.api.grpcAddress]);
  }
  const taken = new Map<string, string>();
  for (const [path, address] of listeners) {
    const other = taken.get(address);
    if (other === undefined) taken.set(address, path.join("."));
    else if (!/:0+$/.test(address)) report.error(path, `${address} is already used by ${other}`);
  }
}

function checkMetrics(config: GlobalConfig, report: CheckReport): void {
  const groups = Object.keys(config.servers);
  const first = new Map<string, string>();
  for (const [group, metrics] of Object.entries(config.metrics)) {
    const { address, certFile, keyFile, enabled } = metrics;
    checkKeyPair(["metrics", group], certFile, keyFile, report);
    if (group !== "default" && !groups.includes(group)) {
      const hint = suggestion(group, groups);
      report.warning(["metrics", group], `has no effect: there is no server of this group${hint}`);
    }
    if (!enabled) continue;
    const other = first.get(address);
    if (other === undefined) first.set(address, group);
    else checkSharedAddress(config, group, other, report);
  }
}

/** What holds for all who are served at one address. */
const OF_THE_ADDRESS = ["certFile", "keyFile", "readHeaderTimeout", "timeout"] as const;

function checkSharedAddress(
  { metrics }: GlobalConfig,
  group: string,
  other: string,
  report: CheckReport,
): void {
  for (const key of OF_THE_ADDRESS) {
    if (metrics[group]?.[key] === metrics[other]?.[key]) continue;
    report.error(["metrics", group, key], `differs from metrics.${other}, at the same address`);
  }
}

function checkRaft({ raft }: GlobalConfig, report: CheckReport): void {
  checkKeyPair(["raft"], raft.certFile, raft.keyFile, report);
  if (raft.isSecure && raft.certFile === "") {
    report.error(["raft", "isSecure"], "needs certFile and keyFile");
  }
  if (raft.peers.length > 0) {
    report.warning(["raft", "peers"], "has no effect: this gateway keeps its state by itself");
  }
}
