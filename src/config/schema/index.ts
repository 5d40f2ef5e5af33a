/**
 * The schemas of the two configuration files, and the notations they are written in.
 * May import: errors. Pure: no Bun, no clock, no files.
 */
export { addressProblem, isUnixAddress, splitHostPort } from "./address.ts";
export { formatByteSize } from "./byte-size.ts";
export { durationToNanoseconds, formatDuration } from "./duration.ts";
export { globalSchema } from "./global-schema.ts";
export type {
  ApiConfig,
  ClientConfig,
  ConsoleConfig,
  GlobalConfig,
  LoadBalancerConfig,
  LoggerConfig,
  MetricsConfig,
  PoolConfig,
  ProxyConfig,
  RaftConfig,
  ServerConfig,
  TracingConfig,
} from "./global-schema.ts";
export { consoleSchema, tracingSchema } from "./api-schema.ts";
export { globalJsonSchema, pluginsJsonSchema } from "./json-schema.ts";
export type { ReloadEffect } from "./key-info.ts";
export { keySpec } from "./key-spec.ts";
export type { KeySpec, ListSpec, NamedSpec, ObjectSpec, ScalarSpec } from "./key-spec.ts";
export { pluginsSchema } from "./plugins-schema.ts";
export type { PluginConfig, PluginsConfig, PolicyConfig, RuleConfig } from "./plugins-schema.ts";
