/**
 * The users of a group, from a users file: our YAML or PgBouncer's userlist.txt.
 * Text in, users and problems out. May import: the rest of auth, errors.
 */
export { isExpired, mayUseDatabase, UserTable } from "./user-table.ts";
export type { Decoy, User, UserLookup } from "./user-table.ts";
export { readUsersFile } from "./users-file.ts";
export type { UsersFile } from "./users-file.ts";
