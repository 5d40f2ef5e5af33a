/**
 * The test kit: real servers, the compiled binary, and waiting for conditions instead of sleeping.
 * Used by tests, benches and `npm start`. Swallows no error; whatever it starts proves on disposal that it is gone.
 * May import: npm packages and the platform; nothing of src.
 */
export { HAS_BROWSER, type OpenPage, startBrowser, TestBrowser, testInBrowser } from "./browser.ts";
export { freePort } from "./free-port.ts";
export {
  GATEWAYD_BINARY,
  type GatewaydOptions,
  GatewaydProcess,
  startGatewayd,
} from "./gatewayd.ts";
export { heldBytes } from "./held-bytes.ts";
export {
  expectSameDescriptors,
  type OpenDescriptors,
  openDescriptors,
  openDescriptorsAtRest,
} from "./leaks.ts";
export { oneBlockConfig, type OneBlockOptions } from "./one-block-config.ts";
export { type PostgresOptions, PostgresServer, startPostgres, type StopMode } from "./postgres.ts";
export { unprivilegedAccount } from "./postgres-install.ts";
export {
  childrenOf,
  commandLine,
  connectionsToPort,
  cpuTimeMs,
  expectIdle,
  residentMiB,
} from "./process-facts.ts";
export {
  type CompletedProcess,
  type ExitStatus,
  type LineOptions,
  type OutputLine,
  type ProcessOptions,
  RunningProcess,
  runToEnd,
  startProcess,
} from "./processes.ts";
export { psql, type PsqlOptions } from "./psql.ts";
export { RedisServer, startRedis } from "./redis.ts";
export { scramLogin } from "./scram-login.ts";
export { type MaybeTest, testNeeding, testWhere } from "./tests-needing.ts";
export { waitFor, type WaitOptions } from "./wait-for.ts";
export {
  cancelRequest,
  connectWire,
  type ErrorFields,
  frontendMessage,
  type ServerMessage,
  sslRequest,
  startupPacket,
  WireClient,
  type WireTarget,
} from "./wire-client.ts";
