/** The rules of `servers.<group>.auth`, and what their methods need. */
import { type AuthMethod, type ReadRules, readRules } from "../auth/index.ts";
import type { ServerConfig } from "./schema/index.ts";

type AuthConfig = NonNullable<ServerConfig["auth"]>;

/** `auth.rules`, understood; undefined if there are none, and so everybody may log in. */
export function loginRulesOf({ rules, method }: AuthConfig): ReadRules | undefined {
  if (rules === undefined) return undefined;
  // Neither goes with rules, which is an error by itself.
  const usual = method === "relay" || method === "plugin" ? "reject" : method;
  return readRules(
    rules.map((rule) => ({ ...rule, tls: rule.tls ?? "any", method: rule.method ?? usual })),
  );
}

/** What clients of a server lack to log in by a method; undefined if nothing. */
export function methodProblem(server: ServerConfig, method: AuthMethod): string | undefined {
  const { tlsMode, auth } = server;
  if (method === "trust") return undefined;
  if (method === "cert") {
    const isVerified = tlsMode.startsWith("verify-");
    return isVerified ? undefined : "cert needs tlsMode: verify-ca or verify-full";
  }
  const isOpen = tlsMode === "disable" && auth?.allowUnencryptedCleartext !== true;
  if (method === "cleartext" && isOpen) {
    return "cleartext needs enableTLS, or allowUnencryptedCleartext";
  }
  const hasUsers = auth?.usersFile !== undefined || auth?.query !== undefined;
  return hasUsers ? undefined : `${method} needs a usersFile or a query`;
}

/**
 * Whether clients of a server may be asked to log in by a method, as far as its configuration tells: an
 * hba file may ask for any.
 */
export function mayUseMethod({ method, rules = [], hbaFile }: AuthConfig, asked: AuthMethod) {
  if (hbaFile !== undefined || method === asked) return true;
  return rules.some((rule) => rule.method === asked);
}
