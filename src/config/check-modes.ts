/** What must fit together between the pool modes of a group and how its clients log in. */
import type { CheckReport } from "./check-report.ts";
import type { GlobalConfig, ServerConfig } from "./schema/index.ts";

type Pools = GlobalConfig["pools"][string];

const METHODS = "trust, cleartext, md5, scram-sha-256 or cert";

/** Keys that only a pool that sessions share has a use for. */
const SHARED_KEYS = ["minSize", "idleTimeout", "maxLifetime", "resetQuery"] as const;

/** Errors and warnings about `pools.<group>.*.mode` and `servers.<group>.auth`. */
export function checkModes(
  group: string,
  server: ServerConfig,
  pools: Pools,
  report: CheckReport,
): void {
  const authPath = ["servers", group, "auth"];
  const method = server.auth?.method ?? "relay";
  const blocks = Object.entries(pools);
  const hasUsers = (server.auth?.usersFile ?? "") !== "";
  if (hasUsers && method === "relay") {
    report.error([...authPath, "usersFile"], "needs a method other than relay");
  }
  const pooled = blocks.filter(([, { mode }]) => mode !== "passthrough");
  for (const [block, pool] of blocks) checkSharedKeys(group, block, pool, report);
  if (pooled.length === 0) {
    if (method !== "relay") {
      report.error([...authPath, "method"], `${method} needs blocks in a pooled mode`);
    }
    return;
  }
  for (const [block, { mode }] of blocks) {
    if (mode !== "passthrough") continue;
    const message = "passthrough does not go with the pooled modes of the group's other blocks";
    report.error(["pools", group, block, "mode"], message);
  }
  for (const [block, { mode }] of pooled) {
    const path = ["pools", group, block, "mode"];
    if (server.protocol === "raw") report.error(path, `${mode} needs protocol: postgres`);
    else if (method === "relay") {
      report.error(path, `${mode} needs servers.${group}.auth.method: ${METHODS}`);
    }
  }
  const needsUsers = method !== "relay" && method !== "trust" && method !== "cert";
  if (needsUsers && !hasUsers) {
    report.error([...authPath, "method"], `${method} needs a usersFile`);
  }
  if (method === "cert" && !server.tlsMode.startsWith("verify-")) {
    report.error([...authPath, "method"], "cert needs tlsMode: verify-ca or verify-full");
  }
}

function checkSharedKeys(
  group: string,
  block: string,
  { mode, minSize, size }: Pools[string],
  report: CheckReport,
): void {
  const path = ["pools", group, block];
  for (const key of SHARED_KEYS) {
    if (mode === "passthrough" && report.isGiven([...path, key])) {
      report.warning([...path, key], "has no effect in mode passthrough");
    }
  }
  if (minSize > size) report.error([...path, "minSize"], `must not be more than size (${size})`);
}
