/**
 * The client's side: from accept over startup and traffic to the end, for every protocol.
 * May import: errors, logging, net, postgres, auth, backend, balancer, pool, hooks, sharing, watch.
 */
export { CancelKeys } from "./cancel-keys.ts";
export type { Cancellable } from "./cancel-keys.ts";
export type {
  Admission,
  Budget,
  ClientTls,
  ClientTlsMode,
  SessionContext,
  SessionLimits,
} from "./session-context.ts";
export {
  AwakeClients,
  ConnectionCaps,
  Greetings,
  LoginGate,
  PinBudget,
  Pooling,
} from "./pooled/index.ts";
export type { LoginGateOptions, PooledBlock, PooledMode, Route } from "./pooled/index.ts";
export type { ServerUse } from "./holding.ts";
export type { SessionActivity } from "./relay.ts";
export { Session } from "./session.ts";
export { createMultiplexing, scopesOf } from "./multiplexing/index.ts";
export type { Multiplexing } from "./multiplexing/index.ts";
export { sessionHooksOf } from "./session-hooks.ts";
export { showTraffic } from "./shown-traffic.ts";
export type {
  VirtualAdmission,
  VirtualClient,
  VirtualConversation,
  VirtualDatabase,
  VirtualLogin,
} from "./virtual/index.ts";
