/**
 * The commands that ask a gateway that runs, over its REST API: they know nothing of the gateway itself.
 */
export { placeFlags } from "./api-place.ts";
export { backendsCommand } from "./backends.ts";
export { drainCommand } from "./drain.ts";
export { healthCommand } from "./health.ts";
export {
  pluginDisableCommand,
  pluginEnableCommand,
  pluginReloadCommand,
} from "./plugin-actions.ts";
export { pluginStates } from "./plugin-states.ts";
export { policiesCommand } from "./policies.ts";
export { pauseCommand, reconnectCommand, resumeCommand } from "./pool-actions.ts";
export { poolsCommand } from "./pools.ts";
export { serversCommand } from "./servers.ts";
export { reloadCommand } from "./reload.ts";
export { cancelCommand, killCommand, sessionsCommand } from "./sessions.ts";
export { setLevelCommand } from "./set-level.ts";
export { settingsCommand } from "./settings.ts";
export { statementsCommand } from "./statements.ts";
export { statusCommand } from "./status.ts";
export { waitersCommand } from "./waiters.ts";
