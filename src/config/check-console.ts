/** What must fit together in `admin.console`: who is named can log in, and no database is taken away. */
import { parseSecret } from "../auth/index.ts";
import type { CheckReport } from "./check-report.ts";
import type { Path } from "./config-tree.ts";
import { effectiveConsole } from "./effective-console.ts";
import { isUnixAddress } from "./schema/index.ts";
import type { ConsoleConfig, GlobalConfig } from "./schema/index.ts";

const PATH: Path = ["admin", "console"];

export function checkConsole(config: GlobalConfig, report: CheckReport): void {
  const { servers, clients } = config;
  const { enabled, names, users } = effectiveConsole(config);
  checkUsers(users, servers, report);
  if (!enabled) {
    if (users.length > 0) report.warning([...PATH, "users"], "have no effect without enabled");
    return;
  }
  if (names.length === 0) report.error([...PATH, "names"], "must not be empty");
  const groups = Object.entries(servers).filter(([, { protocol }]) => protocol === "postgres");
  if (users.length > 0 && groups.length === 0) {
    report.warning([...PATH, "users"], "have no effect: no server speaks PostgreSQL's protocol");
  }
  for (const [group, { network, address, routes = [] }] of groups) {
    const asked = routes.flatMap(({ database }) => database);
    const logins = Object.values(clients[group] ?? {});
    const own = logins.flatMap(({ startupParams }) => startupParams?.database ?? []);
    const taken = names.find((name) => asked.includes(name) || own.includes(name));
    if (taken === undefined) continue;
    const message = `"${taken}" is a database of the group ${group}`;
    if (users.length > 0) report.error([...PATH, "names"], message);
    // Nobody but the gateway's own system user can be led to the console in its place.
    else if (address.some((one) => isUnixAddress(network, one))) {
      report.warning([...PATH, "names"], message);
    }
  }
}

function checkUsers(
  users: ConsoleConfig["users"],
  servers: GlobalConfig["servers"],
  report: CheckReport,
): void {
  const isVerified = Object.values(servers).some(({ tlsMode }) => tlsMode.startsWith("verify-"));
  for (const [index, { name, verifier, certificate }] of users.entries()) {
    const path = [...PATH, "users", index];
    if (users.findIndex((user) => user.name === name) < index) {
      report.error([...path, "name"], `"${name}" is named twice`);
    }
    if (verifier === undefined && certificate === undefined) {
      report.error(path, "cannot log in: give a verifier or a certificate");
    }
    if (verifier !== undefined && parseSecret(verifier)?.kind !== "scram") {
      report.error(
        [...path, "verifier"],
        "must be SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>",
      );
    }
    if (certificate !== undefined && !isVerified) {
      report.warning(
        [...path, "certificate"],
        "has no effect: no server asks for certificates by its tlsMode",
      );
    }
  }
}
