/** `clients.<group>.<block>`: how one database server is reached. */
import * as z from "zod";
import { newKeys } from "./key-info.ts";
import { boolean, choice, duration, integer, number, text } from "./scalars.ts";
import { startupParamsSchema } from "./startup-params.ts";

const UDP = "udp is not supported: a database connection needs a stream (tcp or unix)";

/** Text that says something, where it is given at all. */
const filled = () => text((value) => (value === "" ? "must not be empty" : undefined)).optional();

export const clientSchema = z.strictObject({
  network: choice(["tcp", "unix"], { refused: { udp: UDP } })
    .prefault("tcp")
    .describe("Network of the database server."),
  address: text()
    .prefault("localhost:5432")
    .describe(
      "Database server: host:port, [ipv6]:port, or a Unix socket or its directory. A name is looked up for each connection; those to an address that it has no more are replaced when no client needs them.",
    ),
  tcpKeepAlive: boolean().prefault(false).describe("Sends TCP keep-alive probes."),
  tcpKeepAlivePeriod: duration()
    .prefault("30s")
    .describe("Time between keep-alive probes; 0 = none are sent."),
  receiveChunkSize: integer({ min: 1 })
    .prefault(8192)
    .describe("Accepted for older files and without effect: reads are sized by the runtime."),
  receiveDeadline: duration()
    .prefault("0s")
    .describe("Life time of a server connection for reading, counted from connecting; 0 = none."),
  receiveTimeout: duration()
    .prefault("0s")
    .describe("Longest silence of the server while an answer is due; 0 = none."),
  sendDeadline: duration()
    .prefault("0s")
    .describe("Life time of a server connection for writing, counted from connecting; 0 = none."),
  dialTimeout: duration()
    .prefault("60s")
    .describe("Time one attempt to connect may take; 0 = none."),
  retries: integer({ min: Number.MIN_SAFE_INTEGER })
    .transform((retries) => Math.max(0, retries))
    .prefault(3)
    .describe("Further attempts after the first that failed; below 0 counts as 0."),
  backoff: duration().prefault("1s").describe("Pause before the first further attempt; 0 = none."),
  backoffMultiplier: number()
    .prefault(2)
    .describe("Factor by which the pause grows from attempt to attempt; 0 = none after the first."),
  disableBackoffCaps: boolean()
    .prefault(false)
    .describe("Lifts the caps of the pause: a factor of 10 and one minute."),
  ...newKeys({
    tlsMode: choice(["disable", "prefer", "require", "verify-ca", "verify-full"])
      .prefault("disable")
      .describe(
        "Encryption towards the database server. `prefer`: if it offers TLS; `require`: always, with any certificate; `verify-ca`: one signed by `caFile`; `verify-full`: one that names the server besides. Over a Unix socket nothing is encrypted.",
      ),
    caFile: filled().describe(
      "Certificates (PEM) that the server's certificate is checked against. Default for `verify-full`: the public authorities.",
    ),
    certFile: filled().describe("Certificate (PEM) shown to a server that asks for one."),
    keyFile: filled().describe("Private key (PEM) of `certFile`."),
    serverName: filled().describe(
      "Name told to the server (SNI), and expected in its certificate. Default: the host in `address`.",
    ),
    startupParams: startupParamsSchema
      .optional()
      .describe(
        "Logs in to the database server with these, and not as the client did; sessions share the connections (without a mode: `session`). Further keys are settings of the session, by default `application_name: gatewayd` and `client_encoding: UTF8`.",
      ),
  }),
});
