/**
 * PgBouncer's userlist.txt: lines of `"user" "secret"`, quotes doubled inside, comments after `;`, and
 * whatever follows the secret ignored (https://www.pgbouncer.org/config.html, authentication file format).
 */
import type { FileProblem } from "../file-problem.ts";
import { parseSecret } from "../secret.ts";
import type { User } from "./user-table.ts";
import type { UsersFile } from "./users-file.ts";

const QUOTED = '"((?:[^"]|"")*)"';
const ENTRY = new RegExp(`^(\\s*)${QUOTED}(\\s+)${QUOTED}`);

/** Reads a userlist. An empty secret means a user without a password. */
export function readUserlist(text: string): UsersFile {
  const users = new Map<string, User>();
  const problems: FileProblem[] = [];
  text.split(/\r?\n/).forEach((written, index) => {
    const line = index === 0 ? written.replace(/^\uFEFF/, "") : written;
    if (/^\s*(?:;|$)/.test(line)) return;
    const problem = (column: number, message: string): void => {
      problems.push({ line: index + 1, column: column + 1, message });
    };
    const [, indent = "", quotedName, gap = "", quotedSecret] = ENTRY.exec(line) ?? [];
    if (quotedName === undefined || quotedSecret === undefined) {
      problem(line.search(/\S/), 'must be "user" "secret", both in double quotes');
      return;
    }
    const name = quotedName.replaceAll('""', '"');
    const stored = quotedSecret.replaceAll('""', '"');
    const secret = parseSecret(stored);
    const secretColumn = indent.length + quotedName.length + 2 + gap.length;
    if (name === "") problem(indent.length, "the user name is empty");
    else if (users.has(name))
      problem(indent.length, `the user ${JSON.stringify(name)} is given twice`);
    else if (secret === undefined && stored !== "")
      problem(secretColumn, "a malformed SCRAM verifier");
    else users.set(name, userOf(name, secret));
  });
  return { users: [...users.values()], problems };
}

function userOf(name: string, secret: User["secret"]): User {
  return {
    name,
    secret,
    databases: undefined,
    maxConnections: undefined,
    validUntilMs: undefined,
  };
}
