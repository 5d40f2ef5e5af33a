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
      activity: z.string(),
      transactionStatus: z.string(),
    }),
  ),
  total: z.number(),
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
export const readPlugins = (answer: unknown) => pluginsSchema.parse(answer).plugins;
export const readPlugin = (answer: unknown) => onePluginSchema.parse(answer).plugin;
