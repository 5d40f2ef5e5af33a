/** A users file in either format. */
import type { FileProblem } from "../file-problem.ts";
import { readUserlist } from "./userlist.ts";
import type { User } from "./user-table.ts";
import { readUsersYaml } from "./users-yaml.ts";

/** What a users file says. With problems, `users` are those without fault. */
export interface UsersFile {
  readonly users: readonly User[];
  /** All of them, in the order of the file. */
  readonly problems: readonly FileProblem[];
}

/**
 * Reads the text of a users file: YAML, or PgBouncer's userlist.txt. The extension of the name tells
 * which; if it is neither `.yaml`, `.yml`, `.json` nor `.txt`, the first line that says something does.
 */
export function readUsersFile(text: string, fileName: string): UsersFile {
  return isUserlist(text, fileName) ? readUserlist(text) : readUsersYaml(text);
}

function isUserlist(text: string, fileName: string): boolean {
  if (/\.(?:ya?ml|json)$/i.test(fileName)) return false;
  if (/\.txt$/i.test(fileName)) return true;
  // A userlist begins with a quoted name and a second quoted text, or with a comment of its own.
  return /^\s*(?:;|"(?:[^"\n]|"")*"[ \t]+")/.test(text);
}
