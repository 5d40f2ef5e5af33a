/** The users of a group: read at start, and again when their file changes. */
import { UserTable, readUsersFile } from "../auth/index.ts";
import type { Logger } from "../logging/index.ts";
import { readPlacedFile } from "./read-placed-file.ts";
import { WatchedFiles } from "./watched-files.ts";

/** @throws GatewayError ERR_CONFIG_INVALID naming everything that is wrong in the file */
export function usersOf(usersFile: string, logger: Logger): WatchedFiles<UserTable> {
  return new WatchedFiles({
    what: "users",
    files: [usersFile],
    read: () => {
      const read = (text: string) => readUsersFile(text, usersFile);
      return new UserTable(readPlacedFile(usersFile, "users file", read).users);
    },
    describe: ({ size: count }) => ({ usersFile, count }),
    logger,
  });
}
