/** The rules of `servers.<group>.auth`, and what their methods need. */
import { type AuthMethod, type ReadRules, readRules } from "../auth/index.ts";
import type { ServerConfig } from "./schema/index.ts";

type AuthConfig = NonNullable<ServerConfig["auth"]>;

/** `auth.rules`, understood; undefined if there are none, and so everybody may log in. */
export function loginRulesOf({ rules, method }: AuthConfig): ReadRules | undefined {
  if (rules === undefined) return undefined;
  const usual = method === "relay" ? "reject" : method; // relay beside rules is an error by itself
  return readRules(
    rules.map((rule) => ({ ...rule, tls: rule.tls ?? "any", method: rule.method ?? usual })),
  );
}

/** What clients of a server lack to log in by a method; undefined if nothing. */
export function methodProblem(server: ServerConfig, method: AuthMethod): string | undefined {
  switch (method) {
    case "trust":
      return undefined;
    case "cert":
      return server.tlsMode.startsWith("verify-")
        ? undefined
        : "cert needs tlsMode: verify-ca or verify-full";
    default:
      return server.auth?.usersFile === undefined ? `${method} needs a usersFile` : undefined;
  }
}
