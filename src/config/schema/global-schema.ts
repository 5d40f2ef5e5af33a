/** The schema of gatewayd.yaml: the only source of its keys, types, defaults and texts. */
import * as z from "zod";
import { adminSchema, apiSchema, tracingSchema } from "./api-schema.ts";
import type { consoleSchema } from "./api-schema.ts";
import { clientSchema } from "./client-schema.ts";
import { newKeys, onReload } from "./key-info.ts";
import { loggerSchema } from "./logger-schema.ts";
import { metricsSchema } from "./metrics-schema.ts";
import { poolSchema, proxySchema } from "./pool-schema.ts";
import { raftSchema } from "./raft-schema.ts";
import { serverSchema } from "./server-schema.ts";

/** Names to values: groups, or the blocks of a group. */
function named<S extends z.ZodType>(value: S) {
  return z.record(z.string(), value);
}

export const globalSchema = z.strictObject({
  loggers: onReload("live", named(loggerSchema))
    .prefault({})
    .describe("What each group logs, and where to."),
  metrics: onReload("live", named(metricsSchema))
    .prefault({})
    .describe(
      "The metrics pages. Groups at the same address and path are on one page; a group that is not named here is on that of `default`, and so is what belongs to no group: the process and its plugins.",
    ),
  clients: onReload("live", named(named(clientSchema)))
    .prefault({})
    .describe("The database servers of each group."),
  pools: onReload("live", named(named(poolSchema)))
    .prefault({})
    .describe("The server connections of each block."),
  proxies: onReload("live", named(named(proxySchema)))
    .prefault({})
    .describe("The upkeep of each block."),
  servers: onReload("live", named(serverSchema))
    .prefault({})
    .describe("The listener of each group."),
  api: onReload("live", apiSchema).prefault({}).describe("The admin API."),
  raft: onReload("live", raftSchema)
    .prefault({})
    .describe("Checked and otherwise without effect: there is no Raft."),
  ...newKeys({
    admin: onReload("live", adminSchema.optional()).describe(
      "Administration beside the admin API.",
    ),
    tracing: onReload("live", tracingSchema.optional()).describe(
      "Where traces go, and how many, for a gateway that runs with `--tracing`. `headers` are sent to the collector, by their names, such as an `authorization`.",
    ),
  }),
});

/** gatewayd.yaml, parsed: every default filled in, durations in milliseconds, sizes in bytes. */
export type GlobalConfig = z.output<typeof globalSchema>;

export type LoggerConfig = z.output<typeof loggerSchema>;
export type MetricsConfig = z.output<typeof metricsSchema>;
export type ClientConfig = z.output<typeof clientSchema>;
export type PoolConfig = z.output<typeof poolSchema>;
export type ProxyConfig = z.output<typeof proxySchema>;
export type ServerConfig = z.output<typeof serverSchema>;
export type LoadBalancerConfig = ServerConfig["loadBalancer"];
export type ApiConfig = z.output<typeof apiSchema>;
export type ConsoleConfig = z.output<typeof consoleSchema>;
export type TracingConfig = z.output<typeof tracingSchema>;
export type RaftConfig = z.output<typeof raftSchema>;
