/** `api`, `admin` and `tracing`: how the gateway itself is watched and run. */
import * as z from "zod";
import { addressProblem } from "./address.ts";
import { newKeys, note } from "./key-info.ts";
import { boolean, choice, names, notEmpty, number, text } from "./scalars.ts";

const role = () =>
  choice(["viewer", "operator", "admin"]).describe(
    "What it may do. `viewer`: look; `operator`: also end sessions, pause pools, reload plugins; `admin`: everything.",
  );

const tokenSchema = z.strictObject({
  name: text(notEmpty).describe("Name for the audit log."),
  sha256: note(
    text((value) =>
      /^[0-9a-f]{64}$/.test(value) ? undefined : "must be 64 hexadecimal digits in lower case",
    ),
    { isSecret: true },
  ).describe(
    "SHA-256 of the token, e.g. from `printf %s TOKEN | sha256sum`. Take a long random token: `openssl rand -hex 32`.",
  ),
  role: role(),
});

const certificateSchema = z.strictObject({
  name: text(notEmpty).describe("Common name of the certificate."),
  role: role(),
});

const authSchema = z.strictObject({
  tokens: z
    .array(tokenSchema)
    .prefault([])
    .describe("Who may use the API with the header `Authorization: Bearer TOKEN`."),
  clientCAFile: text(notEmpty)
    .optional()
    .describe("Authorities (PEM) that sign certificates of clients."),
  certificates: z
    .array(certificateSchema)
    .prefault([])
    .describe("Who may use the API with a certificate."),
});

export const apiSchema = z.strictObject({
  enabled: boolean().prefault(true).describe("Serves the admin API."),
  httpAddress: text((value) => addressProblem("tcp", value))
    .prefault("localhost:18080")
    .describe("Address of the HTTP API."),
  grpcNetwork: choice(["tcp", "unix"], {
    refused: { udp: "udp is not supported: gRPC needs tcp or unix" },
  })
    .prefault("tcp")
    .describe("Network of the gRPC API."),
  grpcAddress: text().prefault("localhost:19090").describe("Address of the gRPC API."),
  ...newKeys({
    auth: authSchema
      .optional()
      .describe(
        "Who may use the API. Not given: everybody who reaches it, which is why its addresses are local ones by default.",
      ),
    certFile: text().prefault("").describe("Certificate (PEM) of both APIs; empty: no TLS."),
    keyFile: text().prefault("").describe("Private key (PEM) of `certFile`."),
    allowUnauthenticated: boolean()
      .prefault("false")
      .describe(
        "Serves everybody, with every command, also on addresses that other machines reach.",
      ),
  }),
});

const consoleUserSchema = z.strictObject({
  name: text(notEmpty).describe("Name that it logs in as, and that the audit log has."),
  role: role(),
  verifier: note(text(notEmpty).optional(), { isSecret: true }).describe(
    "SCRAM verifier of its password, as PostgreSQL has it in `pg_authid.rolpassword`: `SCRAM-SHA-256$4096:...`. With `file:PATH` it stands in a file.",
  ),
  certificate: text(notEmpty)
    .optional()
    .describe(
      "Common name, DNS name or e-mail address of a client certificate that is enough to log in, where `servers.<group>.tlsMode` asks for one.",
    ),
});

export const consoleSchema = z.strictObject(
  newKeys({
    enabled: boolean()
      .prefault(true)
      .describe(
        "Serves the console to its users, and over Unix sockets to the gateway's own system user. `false`: to nobody.",
      ),
    names: names()
      .prefault(["gatewayd", "pgbouncer"])
      .describe(
        "Databases that lead to it. For those that may log in to it they take the place of a database of the server that is called so: give others if there is one.",
      ),
    users: z
      .array(consoleUserSchema)
      .prefault([])
      .describe("Who may log in to it, in every group, whatever `servers.<group>.auth` says."),
  }),
);

export const adminSchema = z.strictObject({
  console: consoleSchema
    .prefault({})
    .describe("Administration through psql, at the addresses of the servers."),
});

/** Text that says something, where it is given at all. */
const filled = () => text(notEmpty).optional();

export const tracingSchema = z.strictObject(
  newKeys({
    ratio: number({ max: 1 })
      .prefault(1)
      .describe(
        "Share of the traces begun here that is recorded, from 0 to 1. A client that hands its own trace over decides itself.",
      ),
    headers: z
      .strictObject({})
      .catchall(note(text(headerProblem), { isSecret: true }))
      .prefault({})
      .describe("Headers sent to the collector, by their names, such as an `authorization`."),
    tls: boolean()
      .prefault(false)
      .describe(
        "Encrypts the connection to the collector. Implied by a `--collector-url` that begins with `https://`.",
      ),
    caFile: filled().describe(
      "Certificates (PEM) that the collector's certificate is checked against. Default: the public authorities.",
    ),
    certFile: filled().describe("Certificate (PEM) shown to a collector that asks for one."),
    keyFile: filled().describe("Private key (PEM) of `certFile`."),
  }),
);

function headerProblem(value: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(value) ? undefined : "must be printable ASCII";
}
