/**
 * Sessions of the pooled modes: login at the gateway, and a backend only while there is work for it.
 * May import: the rest of session, errors, logging, net, postgres, auth, backend, pool, balancer, hooks, watch.
 */
export { AwakeClients } from "./awake-clients.ts";
export { ClientLogin } from "./client-login.ts";
export type { ClientLoginPort } from "./client-login.ts";
export { ConnectionCaps } from "./connection-caps.ts";
export { Greetings } from "./greeting.ts";
export { hostOf } from "./host-of.ts";
export { LoginGate } from "./login-gate.ts";
export type { LoginGateOptions } from "./login-gate.ts";
export { PinBudget } from "./pin-budget.ts";
export { PooledSession } from "./pooled-session.ts";
export type { PooledSessionOwner } from "./pooled-session.ts";
export { Pooling } from "./pooling.ts";
export type { PooledBlock, PooledMode } from "./pooling.ts";
export type { Route } from "./route.ts";
export { versionAnswer } from "./spoken-version.ts";
export { readPooledStartup } from "./startup-request.ts";
export type { PooledStartup } from "./startup-request.ts";
