/**
 * Our own users file:
 *
 * ```yaml
 * users:
 *   - name: shop
 *     verifier: SCRAM-SHA-256$4096:... # or md5: md5..., or password: ...
 *     databases: [shop, stock] # default: all
 *     maxConnections: 20 # default: no limit
 *     validUntil: 2027-01-01T00:00:00Z # default: for ever
 * ```
 *
 * Values are taken as written: a password may be 0123, true or null.
 */
import * as z from "zod";
import type { FileProblem } from "../file-problem.ts";
import { type Path, PlacedYaml } from "./placed-yaml.ts";
import { USER_ENTRY } from "./user-entry.ts";
import type { User } from "./user-table.ts";
import type { UsersFile } from "./users-file.ts";

const FILE = z.strictObject({ users: z.array(z.unknown()) });

/** Reads a users file in YAML (or JSON). Says all that is wrong, with places. */
export function readUsersYaml(text: string): UsersFile {
  const yaml = new PlacedYaml(text);
  const problems = [...yaml.problems];
  const users = new Map<string, User>();
  const entries = check(FILE, yaml.content, [], yaml, problems)?.users ?? [];
  for (const [index, entry] of entries.entries()) {
    const user = check(USER_ENTRY, entry, ["users", index], yaml, problems);
    if (user === undefined) continue;
    if (!users.has(user.name)) users.set(user.name, user);
    else {
      const message = `the user ${JSON.stringify(user.name)} is given twice`;
      problems.push(yaml.problemAt(["users", index, "name"], message));
    }
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { users: [...users.values()], problems };
}

/** A value by its schema; undefined, and problems, if it does not follow it. */
function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  path: Path,
  yaml: PlacedYaml,
  problems: FileProblem[],
): z.output<S> | undefined {
  if (value === undefined) return undefined; // the notation is wrong, which has been said
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const at = [...path, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        problems.push(yaml.problemAt([...at, key], `unknown key ${JSON.stringify(key)}`, "key"));
      }
    } else problems.push(yaml.problemAt(at, `${nameOf(at)} ${wordsOf(issue)}`));
  }
  return undefined;
}

/** The key at fault, or what else is. */
function nameOf(path: Path): string {
  const step = path.at(-1);
  if (step === undefined) return "the file";
  return typeof step === "string" ? step : "the entry";
}

/** None of these words hold a value of the file. */
function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_type" || issue.message.startsWith("must")) return issue.message;
  return issue.expected === "array" ? "must be a list" : "must be a map of keys";
}
