/**
 * Administration: the commands, and the doors that lead to them. What it needs of the gateway it declares
 * as {@link AdminPort}; the gateway implements it.
 * May import: errors, logging and tracing (interfaces), hooks (numbers of hooks), rpc (the health service), libc (why
 * it cannot listen), postgres (the console speaks its protocol).
 */
export { AdminDoors } from "./admin-doors.ts";
export { ConsoleDoor } from "./console-door.ts";
export type { AdminDoorsTerms } from "./admin-doors.ts";
export type { Caller, GatekeeperOptions, Role } from "./access/index.ts";
export type {
  About,
  AdminPort,
  BlockView,
  GatewayPhase,
  GatewayStatus,
  GroupView,
  HookCallsView,
  JsonTree,
  PluginAction,
  PluginView,
  PoolAction,
  SessionView,
  SettingView,
} from "./admin-port.ts";
export type { DoorTls } from "./door-tls.ts";
export type { PoliciesView } from "./policy-view.ts";
