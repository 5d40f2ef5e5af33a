/**
 * The tables of SHOW, one file each.
 * May import: the rest of the console.
 */
import type { ConsoleTable } from "../console-table.ts";
import { blocksTable } from "./blocks.ts";
import { clientsTable } from "./clients.ts";
import { configTable } from "./config.ts";
import { databasesTable } from "./databases.ts";
import { helpTable } from "./help.ts";
import { pluginsTable } from "./plugins.ts";
import { sessionsTable } from "./sessions.ts";
import { stateTable } from "./state.ts";
import { versionTable } from "./version.ts";

/** In the order of SHOW HELP. */
const SHOWN: readonly ConsoleTable[] = [
  databasesTable,
  clientsTable,
  configTable,
  stateTable,
  versionTable,
  blocksTable,
  sessionsTable,
  pluginsTable,
];

export const TABLES: readonly ConsoleTable[] = [...SHOWN, helpTable(SHOWN)];
