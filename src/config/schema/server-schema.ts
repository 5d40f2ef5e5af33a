/** `servers.<group>`: the listener of one group and what its clients may do. */
import * as z from "zod";
import { authSchema } from "./auth-schema.ts";
import { newKeys, note, onReload } from "./key-info.ts";
import { routeSchema } from "./route-schema.ts";
import { boolean, byteSize, choice, duration, fileMode, integer, text } from "./scalars.ts";

const UDP = "udp is not supported: clients connect by a stream (tcp or unix)";

const ADDRESS_JSON_SCHEMA = {
  anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1 }],
};

const loadBalancerSchema = z.strictObject({
  strategy: choice(["ROUND_ROBIN", "RANDOM", "WEIGHTED_ROUND_ROBIN", "LEAST_CONNECTIONS"])
    .prefault("ROUND_ROBIN")
    .describe("How a block is chosen for a client."),
  consistentHash: z
    .strictObject({
      useSourceIp: boolean()
        .prefault(true)
        .describe("Tells clients apart by their IP address alone; otherwise by address and port."),
      ...newKeys({
        maxEntries: integer({ min: 1 })
          .prefault(10_000)
          .describe("Clients remembered; beyond that the one not seen for longest is forgotten."),
      }),
    })
    .optional()
    .describe("Sends a client to the block it had before."),
  loadBalancingRules: z
    .array(
      z.strictObject({
        condition: text((value) => (value === "" ? "must not be empty" : undefined)).describe(
          "When the rule holds; `DEFAULT` always does and is the only one known.",
        ),
        distribution: z
          .array(
            z.strictObject({
              proxyName: text((value) => (value === "" ? "must not be empty" : undefined)).describe(
                "Name of a block of the same group.",
              ),
              weight: integer({ min: 1, max: 1_000_000_000 }).describe("Share of this block."),
            }),
          )
          .refine((entries) => entries.length > 0, { error: "must not be empty" })
          .describe("The blocks and their shares."),
      }),
    )
    .prefault([])
    .describe("Shares of the blocks, for WEIGHTED_ROUND_ROBIN."),
});

const serverKeys = z.strictObject({
  network: onReload("restart", choice(["tcp", "unix"], { refused: { udp: UDP } }))
    .prefault("tcp")
    .describe("Network of the listener."),
  address: note(z.array(text()), {
    isSingleOrList: true,
    jsonSchema: ADDRESS_JSON_SCHEMA,
    reload: "restart",
  })
    .prefault(["0.0.0.0:15432"])
    .describe(
      "Address to listen on, or a list of them: host:port, [ipv6]:port, or a Unix socket; a directory means `.s.PGSQL.<port>` in it.",
    ),
  enableTicker: boolean().prefault(false).describe("Fires OnTick and logs the number of clients."),
  tickInterval: duration().prefault("5s").describe("Time between two ticks."),
  enableTLS: boolean().prefault(false).describe("Lets clients encrypt their connection."),
  certFile: text().prefault("").describe("Certificate (PEM) of this server."),
  keyFile: text().prefault("").describe("Private key (PEM) of `certFile`."),
  handshakeTimeout: duration()
    .prefault("5s")
    .describe("Time a TLS handshake may take, in place of `startupTimeout`; 0 = none of its own."),
  loadBalancer: loadBalancerSchema.prefault({}).describe("Spreads clients over the blocks."),
  ...newKeys({
    protocol: onReload("restart", choice(["postgres", "raw"]))
      .prefault("postgres")
      .describe("What clients speak. `raw` relays any TCP protocol as it is."),
    maxConnections: integer({ min: 1 })
      .prefault(10_000)
      .describe("Clients at once; more get FATAL 53300."),
    tlsMode: choice(["disable", "allow", "require", "verify-ca", "verify-full"])
      .optional()
      .describe(
        "`allow` (default with enableTLS): as the client asks; `require`: encrypted only; `verify-ca`: with a certificate signed by `clientCAFile`; `verify-full`: one issued to the user; `disable` (default without enableTLS).",
      ),
    clientCAFile: text()
      .optional()
      .describe("Certificates (PEM) that client certificates are checked against."),
    minTLSVersion: choice(["1.2", "1.3"]).prefault("1.2").describe("Oldest TLS version accepted."),
    startupTimeout: duration()
      .prefault("60s")
      .describe(
        "Time a client has from connecting to its StartupMessage, anew after the TLS handshake, and again from getting a server connection to the end of its login; waiting for one does not count. 0 = none.",
      ),
    idleTimeout: duration()
      .prefault("0s")
      .describe("Closes clients silent for this long outside a transaction; 0 = never."),
    idleInTransactionTimeout: duration()
      .prefault("0s")
      .describe("Closes clients silent for this long inside a transaction; 0 = never."),
    queryTimeout: duration()
      .prefault("0s")
      .describe("Cancels queries that run longer than this; 0 = never."),
    proxyProtocol: choice(["off", "optional", "required"])
      .prefault("off")
      .describe("Takes the client's address from a PROXY protocol header (v1 or v2)."),
    drainTimeout: duration()
      .prefault("30s")
      .describe(
        "When stopping: time for clients to finish before they get FATAL 57P01; 0 = they get it at once.",
      ),
    reusePort: onReload("restart", boolean())
      .prefault(false)
      .describe(
        "Lets another gateway that says so, too, listen at the same addresses, to take over from this one.",
      ),
    socketMode: onReload("restart", fileMode())
      .prefault("0777")
      .describe("Permission bits of a Unix socket, in octal."),
    maxMessageBytes: byteSize({ min: 1024, max: 0x7fffffff })
      .prefault("1GiB")
      .describe("Longest message a client may send; a longer one ends in FATAL 54000."),
    maxPendingUnits: integer({ min: 1 })
      .prefault(1000)
      .describe("Requests a client may send ahead of their answers."),
    auth: authSchema.optional().describe("Authentication of clients."),
    routes: z
      .array(routeSchema)
      .optional()
      .describe(
        "Several databases behind one port, in the pooled modes: the first route that fits a client leads it to its blocks; a database that none is for is refused with FATAL 3D000. Without routes every database is asked of every block.",
      ),
  }),
});

export const serverSchema = serverKeys.transform((server) => ({
  ...server,
  tlsMode: server.tlsMode ?? (server.enableTLS ? ("allow" as const) : ("disable" as const)),
}));
