/**
 * The tables of SHOW, one file each.
 * May import: the rest of the console.
 */
import type { ConsoleTable } from "../console-table.ts";
import { blocksTable } from "./blocks.ts";
import { clientsTable } from "./clients.ts";
import { configTable } from "./config.ts";
import { databasesTable } from "./databases.ts";
import { groupsTable } from "./groups.ts";
import { helpTable } from "./help.ts";
import { listsTable } from "./lists.ts";
import { pluginsTable } from "./plugins.ts";
import { policiesTable } from "./policies.ts";
import { poolsTable } from "./pools.ts";
import { rulesTable } from "./rules.ts";
import { serversTable } from "./servers.ts";
import { sessionsTable } from "./sessions.ts";
import { settingsTable } from "./settings.ts";
import { stateTable } from "./state.ts";
import { statementsTable } from "./statements.ts";
import { statsTables } from "./stats.ts";
import { usersTable } from "./users.ts";
import { versionTable } from "./version.ts";
import { waitersTable } from "./waiters.ts";

/** In the order of SHOW HELP: PgBouncer's, then our own. */
const SHOWN: readonly ConsoleTable[] = [
  ...[poolsTable, clientsTable, serversTable, databasesTable, usersTable, listsTable],
  ...statsTables,
  ...[configTable, stateTable, versionTable],
  ...[groupsTable, blocksTable, sessionsTable, waitersTable, statementsTable],
  ...[pluginsTable, policiesTable, rulesTable, settingsTable],
];

export const TABLES: readonly ConsoleTable[] = [...SHOWN, helpTable(SHOWN)];
