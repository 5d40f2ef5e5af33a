/** What must fit together between the pool modes of a group and how its clients log in. */
import { checkAuth } from "./check-auth.ts";
import { checkLogins, checkRoutedLogins } from "./check-logins.ts";
import type { CheckReport } from "./check-report.ts";
import { effectiveMode } from "./effective-mode.ts";
import type { GlobalConfig, PoolConfig, ServerConfig } from "./schema/index.ts";

type Pools = GlobalConfig["pools"][string];
type Clients = GlobalConfig["clients"][string];

const METHODS = "trust, cleartext, md5, scram-sha-256 or cert";

/** Keys that only a pool that sessions share has a use for. */
const SHARED_KEYS = [
  "minSize",
  "idleTimeout",
  "maxLifetime",
  "resetQuery",
  "multiplexDepth",
  "maxPinned",
  "retryReadOnly",
  "allowFunctions",
] as const;

/** Errors and warnings about `pools.<group>.*.mode`, and the `auth` that goes with it. */
export function checkModes(
  group: string,
  server: ServerConfig,
  pools: Pools,
  clients: Clients,
  report: CheckReport,
): void {
  const method = server.auth?.method ?? "relay";
  const blocks = Object.entries(pools).map(([block, pool]) => {
    return [block, { ...pool, mode: effectiveMode(pool, clients[block]) }] as const;
  });
  const pooled = blocks.filter(([, { mode }]) => mode !== "passthrough");
  for (const [block, pool] of blocks) {
    checkSharedKeys(group, block, pool, report);
    checkRelayedTls(group, block, pool.mode, server, clients, report);
  }
  checkAuth(group, server, Object.keys(clients), pooled.length > 0, report);
  if (pooled.length === 0) return;
  for (const set of blockSetsOf(
    server,
    pooled.map(([block]) => block),
  )) {
    checkLogins(group, set, clients, report);
  }
  checkRoutedLogins(group, server, clients, report);
  for (const [block, { mode }] of blocks) {
    if (mode !== "passthrough") continue;
    const message = "passthrough does not go with the pooled modes of the group's other blocks";
    report.error(["pools", group, block, "mode"], message);
  }
  for (const [block, { mode, multiplexDepth }] of pooled) {
    if (mode !== "session") continue;
    const pinned = ["pools", group, block, "maxPinned"];
    if (report.isGiven(pinned)) report.warning(pinned, "has no effect in mode session");
    if (multiplexDepth === 1) continue;
    const message =
      "needs mode: transaction or statement; in mode session a client keeps its connection";
    report.error(["pools", group, block, "multiplexDepth"], message);
  }
  for (const [block] of pooled) {
    const mode = pools[block]?.mode ?? "passthrough";
    const isByLogin = mode === "passthrough";
    const [path, what] = isByLogin
      ? [["clients", group, block, "startupParams"], "needs"]
      : [["pools", group, block, "mode"], `${mode} needs`];
    if (server.protocol === "raw") report.error(path, `${what} protocol: postgres`);
    else if (method === "plugin") checkPlugin(group, block, clients, report);
    else if (method === "relay") {
      const key = `servers.${group}.auth.method`;
      const isChosen = report.isGiven(key.split("."));
      const than = isChosen ? " other than relay" : "";
      if (!isByLogin || isChosen) report.error(path, `${what} ${key}${than}: ${METHODS}`);
      else
        report.warning(
          path,
          `lets in who is answered by a plugin, and nobody else; give ${key} for others: ${METHODS}`,
        );
    }
  }
}

/** What a plugin answers a client with says nothing of how to log in to the database as its user. */
function checkPlugin(group: string, block: string, clients: Clients, report: CheckReport): void {
  if (clients[block]?.startupParams !== undefined) return;
  const message = "needs startupParams: a plugin's answer opens no connection to the database";
  report.error(["clients", group, block], message);
}

/** Where clients log in at the database server through TLS that ends at the gateway. */
function checkRelayedTls(
  group: string,
  block: string,
  mode: PoolConfig["mode"],
  server: ServerConfig,
  clients: Clients,
  report: CheckReport,
): void {
  const { tlsMode = "disable" } = clients[block] ?? {};
  if (mode !== "passthrough" || tlsMode === "disable") return;
  const path = ["clients", group, block, "tlsMode"];
  if (server.protocol === "raw") report.error(path, `${tlsMode} needs protocol: postgres`);
  else if (server.tlsMode !== "disable") {
    const message =
      "clients over TLS get in by SCRAM only without channel binding, or if certFile of the server is the database's own; a pooled mode has no such limit";
    report.warning(path, message);
  }
}

/** The blocks that clients are spread over: those of each route, or all. */
function blockSetsOf({ routes }: ServerConfig, blocks: readonly string[]) {
  const sets = routes?.map((route) => {
    const names = route.blocks.map((name) => name.toLowerCase());
    return blocks.filter((block) => names.includes(block));
  });
  return sets === undefined ? [blocks] : new Map(sets.map((set) => [set.join(), set])).values();
}

function checkSharedKeys(
  group: string,
  block: string,
  { mode, minSize, size, multiplexDepth, allowFunctions }: PoolConfig,
  report: CheckReport,
): void {
  const path = ["pools", group, block];
  for (const key of SHARED_KEYS) {
    if (mode === "passthrough" && report.isGiven([...path, key])) {
      report.warning([...path, key], "has no effect in mode passthrough");
    }
  }
  if (mode !== "passthrough" && multiplexDepth === 1 && allowFunctions.length > 0) {
    report.warning([...path, "allowFunctions"], "has no effect without multiplexDepth");
  }
  if (minSize > size) report.error([...path, "minSize"], `must not be more than size (${size})`);
}
