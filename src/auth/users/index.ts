/**
 * The users of a group: from a users file, our YAML or PgBouncer's userlist.txt, and from the answers to a
 * query. Text in, users and problems out. May import: the rest of auth, errors.
 */
export { UserDirectory } from "./user-directory.ts";
export type { UserDirectoryOptions } from "./user-directory.ts";
export { userOfRows } from "./user-row.ts";
export { isExpired, mayUseDatabase, UserTable } from "./user-table.ts";
export type { Decoy, User, UserLookup } from "./user-table.ts";
export { readUsersFile } from "./users-file.ts";
export type { UsersFile } from "./users-file.ts";
