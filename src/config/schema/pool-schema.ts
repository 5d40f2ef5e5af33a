/** `pools.<group>.<block>` and `proxies.<group>.<block>`: the server connections of one block. */
import * as z from "zod";
import { newKeys } from "./key-info.ts";
import { boolean, choice, duration, integer, text } from "./scalars.ts";

export const poolSchema = z.strictObject({
  size: integer({ min: 1 }).prefault(10).describe("Server connections of the block."),
  ...newKeys({
    mode: choice(["passthrough", "session", "transaction", "statement"])
      .prefault("passthrough")
      .describe(
        "How long a client keeps a server connection. `passthrough`: from connecting to leaving, a fresh one each time, and the server logs the client in. The others share connections, and the gateway logs clients in: `session`: until it leaves; `transaction`: for one transaction; `statement`: for one statement.",
      ),
    queueTimeout: duration()
      .prefault("30s")
      .describe(
        "Time a client waits for a free server connection before it gets FATAL 53300; 0 = no limit.",
      ),
    maxWaiting: integer()
      .prefault(0)
      .describe("Clients that may wait at once; more get FATAL 53300; 0 = no limit."),
    minSize: integer()
      .prefault(0)
      .describe("Server connections kept open although idle, in the modes that share them."),
    idleTimeout: duration()
      .prefault("10m")
      .describe(
        "Time after which an idle server connection is closed, in the modes that share them; 0 = never.",
      ),
    maxLifetime: duration()
      .prefault("1h")
      .describe(
        "Age after which a server connection is replaced, in the modes that share them; 0 = never.",
      ),
    resetQuery: text()
      .prefault("DISCARD ALL")
      .describe("What cleans a shared server connection after a client that left something on it."),
    multiplexDepth: integer({ min: 1, max: 16 })
      .prefault(1)
      .describe(
        "Requests of several clients that may be under way on one server connection while all are busy, in the modes `transaction` and `statement`: only single statements that change nothing share one. 1 = each has it alone.",
      ),
    preparedStatements: integer({ min: 1 })
      .prefault(200)
      .describe(
        "Prepared statements kept on a server connection that clients share; the one not used for longest makes room.",
      ),
    maxPinned: integer()
      .optional()
      .describe(
        "Clients that may tie a server connection to themselves, in the modes `transaction` and `statement`: by LISTEN, temporary tables, session locks and the like. What would tie one more is refused with ERROR 53300. Default: one less than `size`, so that one is left for the others, but at least 1.",
      ),
    allowFunctions: z
      .array(text(functionNameProblem))
      .prefault([])
      .describe(
        "Functions of yours that statements sharing a server connection (`multiplexDepth`) may call: `name` or `schema.name`, as the database has them. They must change nothing, and be declared STABLE or IMMUTABLE.",
      ),
    retryReadOnly: boolean()
      .prefault(false)
      .describe(
        "Sends a request that shared its server connection, by `multiplexDepth`, to another one, once, when that is lost before anything of the answer came; else its client gets FATAL 08006.",
      ),
  }),
});

/** ASCII without what separates, quotes, escapes or encloses: it is written into the question to the catalogue. */
const FUNCTION_NAME = /^[!#-&*-\-/-[\]-~]{1,63}(\.[!#-&*-\-/-[\]-~]{1,63})?$/;

function functionNameProblem(name: string): string | undefined {
  if (FUNCTION_NAME.test(name)) return undefined;
  return `is name or schema.name, as the database has them, not ${JSON.stringify(name)}`;
}

export const proxySchema = z.strictObject({
  healthCheckPeriod: duration()
    .prefault("60s")
    .describe(
      "Idle server connections are replaced this often; keep it at or below the server's `authentication_timeout`. Pools that have none look as often whether the server can be reached. 0 = never.",
    ),
});
