import {
  backendsCommand,
  cancelCommand,
  drainCommand,
  healthCommand,
  killCommand,
  pauseCommand,
  policiesCommand,
  poolsCommand,
  reconnectCommand,
  reloadCommand,
  resumeCommand,
  serversCommand,
  sessionsCommand,
  setLevelCommand,
  settingsCommand,
  statementsCommand,
  statusCommand,
  waitersCommand,
} from "./admin/index.ts";
import type { CommandGroup } from "./command.ts";
import { completeWordsCommand, completionCommand } from "./completion/index.ts";
import { configCommand } from "./config.ts";
import { genDocsCommand } from "./gen-docs.ts";
import { helpCommand } from "./help.ts";
import { pluginCommand } from "./plugin.ts";
import { runCommand } from "./run.ts";
import { versionCommand } from "./version.ts";

/** All commands. A flag's name and letter mean the same wherever they occur (parse-arguments.ts). */
export const commandTree: CommandGroup = {
  kind: "group",
  name: "gatewayd",
  summary: "A gateway between PostgreSQL clients and servers",
  description: `gatewayd stands between PostgreSQL clients and PostgreSQL servers: it pools and balances their
connections, and lets plugins see and change what passes.

Start with "gatewayd config init", then "gatewayd run".`,
  subcommands: [
    backendsCommand,
    cancelCommand,
    completionCommand,
    configCommand,
    drainCommand,
    healthCommand,
    helpCommand,
    killCommand,
    pauseCommand,
    pluginCommand,
    policiesCommand,
    poolsCommand,
    reconnectCommand,
    reloadCommand,
    resumeCommand,
    runCommand,
    serversCommand,
    sessionsCommand,
    setLevelCommand,
    settingsCommand,
    statementsCommand,
    statusCommand,
    versionCommand,
    waitersCommand,
    genDocsCommand,
    completeWordsCommand,
  ],
};
