/** What must fit together in `servers.<group>.auth`. */
import type { CheckReport } from "./check-report.ts";
import type { Path } from "./config-tree.ts";
import { loginRulesOf, mayUseMethod, methodProblem } from "./login-rules.ts";
import { suggestion } from "./nearest-key.ts";
import type { ServerConfig } from "./schema/index.ts";

type AuthConfig = NonNullable<ServerConfig["auth"]>;

/** Methods by which clients prove that they know something. */
const SECRET_METHODS = ["cleartext", "md5", "scram-sha-256"] as const;

/** Keys that only a gateway that logs its clients in has a use for. */
const LOGIN_KEYS = [
  "usersFile",
  "query",
  "rules",
  "hbaFile",
  "userMap",
  "allowUnencryptedCleartext",
] as const;
const GATEWAY_KEYS = [...LOGIN_KEYS, "maxConnectionsPerUser", "maxConnectionsPerDatabase"] as const;

const KEYS_WITHOUT_EFFECT = new Map<string, readonly (keyof AuthConfig)[]>([
  ["relay", GATEWAY_KEYS],
  // What a plugin answers is up to the plugin.
  ["plugin", LOGIN_KEYS],
]);

/**
 * Errors about how the clients of a server log in.
 * @param blocks of the group
 * @param isPooled one of them is in a pooled mode
 */
export function checkAuth(
  group: string,
  server: ServerConfig,
  blocks: readonly string[],
  isPooled: boolean,
  report: CheckReport,
): void {
  const path = ["servers", group, "auth"];
  const { auth } = server;
  if (auth === undefined) return;
  const { method } = auth;
  for (const key of KEYS_WITHOUT_EFFECT.get(method) ?? []) {
    if (report.isGiven([...path, key])) {
      report.error([...path, key], `needs a method other than ${method}`);
    }
  }
  if (method === "relay") return;
  if (!isPooled) {
    report.error([...path, "method"], `${method} needs blocks in a pooled mode`);
    return;
  }
  if (method === "plugin") return;
  const problem = methodProblem(server, method);
  if (problem !== undefined) report.error([...path, "method"], problem);
  checkRules(path, server, auth, report);
  checkMethodKeys(path, server, auth, report);
  checkQuery([...path, "query"], auth, blocks, report);
}

function checkQuery(
  path: Path,
  auth: AuthConfig,
  blocks: readonly string[],
  report: CheckReport,
): void {
  if (auth.query === undefined) return;
  const { sql, block } = auth.query;
  if (!/\$1(?!\d)/.test(sql)) {
    report.error([...path, "sql"], "must look a user up by its name, which is $1");
  }
  if (block === undefined) {
    const message = `needs block: ${blocks.join(" or ")}`;
    if (blocks.length > 1) report.error(path, message);
  } else if (!blocks.includes(block.toLowerCase())) {
    const hint = suggestion(block, blocks);
    report.error([...path, "block"], `"${block}" is not a block of this group${hint}`);
  }
  if (SECRET_METHODS.some((method) => mayUseMethod(auth, method))) return;
  report.warning(path, "has no effect without a method that asks for secrets");
}

/** Keys that belong to one method. */
function checkMethodKeys(
  path: Path,
  { tlsMode }: ServerConfig,
  auth: AuthConfig,
  report: CheckReport,
): void {
  const noEffect = "has no effect without the method";
  if (auth.userMap !== undefined) {
    const at = [...path, "userMap"];
    if (!mayUseMethod(auth, "cert")) report.warning(at, `${noEffect} cert`);
    else if (tlsMode === "verify-full") {
      report.error(
        at,
        "needs tlsMode: verify-ca; verify-full admits the certificate's own name only",
      );
    }
  }
  if (auth.allowUnencryptedCleartext && !mayUseMethod(auth, "cleartext")) {
    report.warning([...path, "allowUnencryptedCleartext"], `${noEffect} cleartext`);
  }
}

function checkRules(path: Path, server: ServerConfig, auth: AuthConfig, report: CheckReport): void {
  const rulesPath = [...path, "rules"];
  if (auth.rules !== undefined && auth.hbaFile !== undefined) {
    report.error([...path, "hbaFile"], "goes in place of rules, not beside them");
  }
  for (const { index, key, message } of loginRulesOf(auth)?.problems ?? []) {
    report.error([...rulesPath, index, key], message);
  }
  for (const [index, { method, tls }] of (auth.rules ?? []).entries()) {
    const rulePath = [...rulesPath, index];
    const problem =
      method === undefined || method === "reject" ? undefined : methodProblem(server, method);
    if (problem !== undefined) report.error([...rulePath, "method"], problem);
    if (tls === true && server.tlsMode === "disable") {
      report.error([...rulePath, "tls"], "fits nobody: clients cannot encrypt without enableTLS");
    }
  }
}
