/** Rules from the configuration: `auth.rules[]`. */
import type { AuthMethod, DatabasePattern, LoginRule, Origin, UserPattern } from "./login-rule.ts";
import { parseNetwork } from "./ip-address.ts";

/** A rule as it is written. What is left out, or `*`, fits everything. */
export interface RuleEntry {
  /** A network (`10.0.0.0/8`, `::1`), `local` for unix sockets, or `all`; or several of them. */
  readonly from?: string | readonly string[];
  readonly user?: string | readonly string[];
  readonly database?: string | readonly string[];
  readonly tls?: boolean | "any";
  readonly method: AuthMethod | "reject";
}

/** What is wrong with a rule; the owner of the configuration knows where it stands. */
export interface RuleProblem {
  /** Of the rule in the list, from 0. */
  readonly index: number;
  readonly key: keyof RuleEntry;
  readonly message: string;
}

export interface ReadRules {
  /** Empty if there are problems: with a rule left out, another one would admit its clients. */
  readonly rules: readonly LoginRule[];
  readonly problems: readonly RuleProblem[];
}

/** Understands rules. Says all that is wrong. */
export function readRules(entries: readonly RuleEntry[]): ReadRules {
  const problems: RuleProblem[] = [];
  const rules = entries.map((entry, index): LoginRule => {
    const problem = (key: keyof RuleEntry, message: string): void => {
      problems.push({ index, key, message });
    };
    const tls = entry.tls ?? "any";
    const from = listOf(entry.from).flatMap((text): Origin[] => {
      const origin = originOf(text);
      if (origin !== undefined) return [origin];
      problem("from", `${JSON.stringify(text)} is no network, nor "local" or "all"`);
      return [];
    });
    for (const key of ["from", "user", "database"] as const) {
      if (listOf(entry[key]).length === 0) problem(key, "an empty list fits nobody");
    }
    if (entry.method === "cert" && tls !== true) {
      problem("method", '"cert" needs "tls: true": certificates come with TLS only');
    }
    return {
      from,
      users: listOf(entry.user).map(userOf),
      databases: listOf(entry.database).map(databaseOf),
      tls,
      method: entry.method,
      place: `auth.rules[${index}]`,
    };
  });
  return { rules: problems.length === 0 ? rules : [], problems };
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return ["*"];
  return typeof value === "string" ? [value] : value;
}

function originOf(text: string): Origin | undefined {
  if (text === "all" || text === "*") return { kind: "anywhere" };
  if (text === "local") return { kind: "local" };
  const network = parseNetwork(text);
  return network && { kind: "network", network };
}

function userOf(name: string): UserPattern {
  return name === "*" ? { kind: "any" } : { kind: "named", name };
}

function databaseOf(name: string): DatabasePattern {
  return name === "*" ? { kind: "any" } : { kind: "named", name };
}
