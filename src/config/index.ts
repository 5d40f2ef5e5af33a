/**
 * The configuration: the schemas of gatewayd.yaml and gatewayd_plugins.yaml, how they are read, and
 * how they are shown.
 * May import: errors, auth. `schema/` is pure; the rest reads files.
 */
export { configChanges, withoutChanges } from "./config-changes.ts";
export type { ConfigChange } from "./config-changes.ts";
export { checkAgain } from "./check-again.ts";
export { anonymousRole, isLocalHost } from "./check-api.ts";
export { hasValidChecksum, isModulePath } from "./check-plugins.ts";
export { formatIssue } from "./config-issue.ts";
export type { ConfigIssue } from "./config-issue.ts";
export type {
  ConfigFiles,
  FoundFile,
  LoadedConfig,
  LoadedFile,
  Loading,
  LoadOptions,
  LoadResult,
  NotFound,
  Origin,
} from "./loaded-config.ts";
export { configPayload, flattenPayload, shownPayload } from "./config-payload.ts";
export { defaultGlobalYaml, defaultPluginsYaml } from "./default-files.ts";
export { editDistance } from "./edit-distance.ts";
export { describeEffectiveConfig, effectiveSettings } from "./effective-config.ts";
export { effectiveAuth } from "./effective-auth.ts";
export type { GatewayAuth } from "./effective-auth.ts";
export { effectiveConsole } from "./effective-console.ts";
export { effectiveMode } from "./effective-mode.ts";
export { effectiveTracing } from "./effective-tracing.ts";
export { generatedConfigFiles } from "./generated-files.ts";
export { shownSettings, withoutPasswords } from "./hidden-value.ts";
export { loginRulesOf, methodProblem } from "./login-rules.ts";
export { readCertificates, readKeyPair } from "./pem-files.ts";
export { readConfigFiles } from "./find-config-file.ts";
export { loadConfig, loadGlobalConfig, loadPluginsConfig, readPlugins } from "./load-config.ts";
export type { ConfigOverride } from "./plugin-overrides.ts";
export {
  formatDuration,
  globalJsonSchema,
  isUnixAddress,
  pluginsJsonSchema,
  splitHostPort,
} from "./schema/index.ts";
export type {
  ApiConfig,
  ClientConfig,
  ConsoleConfig,
  GlobalConfig,
  LoadBalancerConfig,
  LoggerConfig,
  MetricsConfig,
  PluginConfig,
  PluginsConfig,
  PolicyConfig,
  PoolConfig,
  ProxyConfig,
  RaftConfig,
  ServerConfig,
  TracingConfig,
} from "./schema/index.ts";
