/** Everything that `import ... from "gatewayd/sdk"` gives. docs/sdk.md is made of the comments at these names. */
export type { HookName, HookPayload, SocketEnds } from "../hooks/index.ts";
export {
  authenticationCleartextPassword,
  authenticationMd5Password,
  authenticationOk,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
} from "./authentication-messages.ts";
export type { ClientMessage } from "./client-messages.ts";
export type { CellValue, ColumnType } from "./column-types.ts";
export type { ConfigSchema } from "./config-schema.ts";
export { connectionState } from "./connection-state.ts";
export type { ConnectionState } from "./connection-state.ts";
export { definePlugin } from "./define-plugin.ts";
export type {
  HandlerResult,
  PlainConfig,
  PluginDefinition,
  PluginHandlers,
  RequiredPlugin,
} from "./define-plugin.ts";
export type {
  ConfigTree,
  GatewayEvent,
  Payloads,
  PluginEvents,
  SentRequestEvent,
  SentResponseEvent,
} from "./events.ts";
export type { MessageView, NoFields } from "./message-view.ts";
export type { PluginContext, PluginLogger } from "./plugin-context.ts";
export type {
  CounterMetric,
  GaugeMetric,
  HistogramMetric,
  HistogramOptions,
  MetricOptions,
  PluginMetrics,
} from "./plugin-metrics.ts";
export { errorResponse, rows } from "./replies.ts";
export type { Column, ErrorReply, Reply, RowsReply } from "./replies.ts";
export type { TrafficFromClientEvent } from "./request-event.ts";
export type { TrafficFromServerEvent } from "./response-event.ts";
export type { ServerMessage } from "./server-messages.ts";
export type { Session, SessionTransactionStatus } from "./session.ts";
export { fingerprint, normalize, parseSql, tablesOf } from "../sql/index.ts";
export type { SqlNode, SqlTree } from "../sql/index.ts";
export { log, passthrough, terminate } from "./signals.ts";
export type { Signal, SignalLogLevel, SignalMetadata } from "./signals.ts";
