/** `pools.<group>.<block>` and `proxies.<group>.<block>`: the server connections of one block. */
import * as z from "zod";
import { newKeys } from "./key-info.ts";
import { choice, duration, integer, later } from "./scalars.ts";

export const poolSchema = z.strictObject({
  size: integer({ min: 1 }).prefault(10).describe("Server connections of the block."),
  ...newKeys({
    mode: choice(["passthrough"], { later: ["session", "transaction", "statement"] })
      .prefault("passthrough")
      .describe(
        "How long a client keeps a server connection. `passthrough`: from connecting to leaving, a fresh one each time.",
      ),
    queueTimeout: duration()
      .prefault("30s")
      .describe(
        "Time a client waits for a free server connection before it gets FATAL 53300; 0 = no limit.",
      ),
    maxWaiting: integer()
      .prefault(0)
      .describe("Clients that may wait at once; more get FATAL 53300; 0 = no limit."),
    minSize: later().describe("Server connections kept open although idle."),
    idleTimeout: later().describe("Time after which an idle server connection is closed."),
    maxLifetime: later().describe("Age after which a server connection is replaced."),
    resetQuery: later().describe("What cleans a server connection between two clients."),
    multiplexDepth: later().describe("Units in flight on one server connection."),
    preparedStatements: later().describe("Prepared statements kept per server connection."),
    maxPinned: later().describe("Server connections that sessions may hold for long."),
    allowFunctions: later().describe("Functions that may share a server connection."),
    retryReadOnly: later().describe("Repeats read-only units after a lost server connection."),
  }),
});

export const proxySchema = z.strictObject({
  healthCheckPeriod: duration()
    .prefault("60s")
    .describe(
      "Idle server connections are replaced this often; keep it at or below the server's `authentication_timeout`. 0 = never.",
    ),
});
