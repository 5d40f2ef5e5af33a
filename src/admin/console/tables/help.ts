import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import type { ConsoleTable } from "../console-table.ts";

type Row = readonly [command: string, does: string];

const COMMANDS: readonly Row[] = [
  [
    "PAUSE [database]",
    "Makes clients wait, and returns when all connections to the server are closed.",
  ],
  ["RESUME [database]", "Ends a pause."],
  [
    "RECONNECT [database]",
    "Replaces the connections to the server: idle ones now, the others when they are given back.",
  ],
  ["WAIT_CLOSE [database]", "Returns when RECONNECT has replaced them all."],
  ["KILL [database]", "Pauses, and ends all clients and connections to the server at once."],
  [
    "KILL session, KILL_CLIENT session",
    "Ends one client: its id is in SHOW CLIENTS and SHOW SESSIONS.",
  ],
  ["CANCEL session", "Cancels what a client waits for."],
  ["SET log_level = level", "Of all groups; SET log_level.GROUP of one."],
  ["RELOAD", "Puts into effect what the files of the configuration say now, all of it or nothing."],
  ["RELOAD PLUGIN name", "Starts a plugin anew."],
  [
    "ENABLE PLUGIN name, DISABLE PLUGIN name",
    "Starts a plugin that is disabled, ends one that runs.",
  ],
  ["SHUTDOWN", "Lets clients finish, and ends the gateway."],
];

/** `SHOW HELP`. */
export function helpTable(tables: readonly ConsoleTable[]): ConsoleTable {
  const shown = tables.map(({ name, help }): Row => [`SHOW ${name.toUpperCase()}`, help]);
  return table(
    "help",
    "What there is to be said here.",
    [
      ["command", TYPES.text, ([command]: Row) => command],
      ["does", TYPES.text, ([, does]: Row) => does],
    ],
    async () => [...shown, ...COMMANDS],
  );
}
