/** The answers of the admin API, as far as commands print them (proto/gatewayd/admin/v1). */
import * as z from "zod";

const statusSchema = z.object({
  versionInfo: z.string(),
  startedAt: z.string(),
  uptimeSeconds: z.number(),
  pid: z.number(),
  phase: z.string(),
  reasons: z.array(z.string()),
  groups: z.array(
    z.object({ group: z.string(), addresses: z.array(z.string()), clients: z.number() }),
  ),
});

const poolsSchema = z.object({
  pools: z.array(
    z.object({
      group: z.string(),
      block: z.string(),
      mode: z.string(),
      address: z.string(),
      size: z.number(),
      available: z.number(),
      leased: z.number(),
      retiring: z.number(),
      waiting: z.number(),
      isPaused: z.boolean(),
    }),
  ),
});

const sessionsSchema = z.object({
  sessions: z.array(
    z.object({
      id: z.string(),
      group: z.string(),
      block: z.string(),
      clientAddress: z.string(),
      user: z.string(),
      database: z.string(),
      applicationName: z.string(),
      isEncrypted: z.boolean(),
      ageMs: z.number(),
      activity: z.string(),
      transactionStatus: z.string(),
    }),
  ),
  total: z.number(),
});

const serversSchema = z.object({
  servers: z.array(
    z.object({
      group: z.string(),
      addresses: z.array(z.string()),
      configuredAddresses: z.array(z.string()),
      isListening: z.boolean(),
      protocol: z.string(),
      clients: z.number(),
      maxConnections: z.number(),
      tlsMode: z.string(),
      strategy: z.string(),
      blocks: z.array(z.object({ block: z.string(), address: z.string(), isLive: z.boolean() })),
    }),
  ),
});

const backendsSchema = z.object({
  backends: z.array(
    z.object({
      group: z.string(),
      block: z.string(),
      serverAddress: z.string(),
      localAddress: z.string(),
      processId: z.number(),
      user: z.string(),
      database: z.string(),
      state: z.string(),
      pinReason: z.string(),
      sessionIds: z.array(z.string()),
      ageMs: z.number(),
      idleMs: z.number(),
      uses: z.number(),
      isEncrypted: z.boolean(),
    }),
  ),
  total: z.number(),
});

const waitersSchema = z.object({
  waiters: z.array(
    z.object({
      group: z.string(),
      block: z.string(),
      sessionId: z.string(),
      clientAddress: z.string(),
      user: z.string(),
      database: z.string(),
      waitedMs: z.number(),
      place: z.number(),
    }),
  ),
  total: z.number(),
});

const statementsSchema = z.object({
  statements: z.array(
    z.object({
      group: z.string(),
      block: z.string(),
      user: z.string(),
      database: z.string(),
      statement: z.string(),
      textLength: z.number(),
      calls: z.number(),
      totalMs: z.number(),
      meanMs: z.number(),
      maxMs: z.number(),
      rows: z.number(),
      errors: z.number(),
    }),
  ),
  total: z.number(),
});

const policiesSchema = z.object({
  policies: z.array(
    z.object({
      name: z.string(),
      expression: z.string(),
      isBuiltIn: z.boolean(),
      evaluations: z.number(),
      allowed: z.number(),
      refused: z.number(),
      failures: z.number(),
    }),
  ),
  rules: z.array(
    z.object({
      name: z.string(),
      hook: z.string(),
      condition: z.string(),
      action: z.string(),
      isEnabled: z.boolean(),
      isDryRun: z.boolean(),
      evaluations: z.number(),
      hits: z.number(),
      actions: z.number(),
      failures: z.number(),
    }),
  ),
});

const settingsSchema = z.object({
  settings: z.array(
    z.object({ file: z.string(), path: z.string(), value: z.string(), origin: z.string() }),
  ),
});

const reloadSchema = z.object({
  changed: z.array(z.string()),
  needsRestart: z.array(z.string()),
  warnings: z.array(z.string()),
});

const pluginSchema = z.object({
  name: z.string(),
  isEnabled: z.boolean(),
  state: z.string(),
  reason: z.string(),
  version: z.string(),
  restarts: z.number(),
});

const pluginsSchema = z.object({ plugins: z.array(pluginSchema) });
const onePluginSchema = z.object({ plugin: pluginSchema });

export type PluginAnswer = z.infer<typeof pluginSchema>;

/** Each throws what zod throws when a gateway of another version answers something else. */
export const readStatus = (answer: unknown) => statusSchema.parse(answer);
export const readPools = (answer: unknown) => poolsSchema.parse(answer).pools;
export const readSessions = (answer: unknown) => sessionsSchema.parse(answer);
export const readServers = (answer: unknown) => serversSchema.parse(answer).servers;
export const readBackends = (answer: unknown) => backendsSchema.parse(answer);
export const readWaiters = (answer: unknown) => waitersSchema.parse(answer);
export const readStatements = (answer: unknown) => statementsSchema.parse(answer);
export const readPolicies = (answer: unknown) => policiesSchema.parse(answer);
export const readSettings = (answer: unknown) => settingsSchema.parse(answer).settings;
export const readReload = (answer: unknown) => reloadSchema.parse(answer);
export const readPlugins = (answer: unknown) => pluginsSchema.parse(answer).plugins;
export const readPlugin = (answer: unknown) => onePluginSchema.parse(answer).plugin;
