/** `api`, `admin` and `tracing`: how the gateway itself is watched and run. */
import * as z from "zod";
import { addressProblem } from "./address.ts";
import { newKeys } from "./key-info.ts";
import { boolean, choice, later, text } from "./scalars.ts";

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
    auth: later().describe("Who may use the API."),
    certFile: later().describe("Certificate (PEM) of the API."),
    keyFile: later().describe("Private key (PEM) of the API."),
    allowUnauthenticated: later().describe("Serves the API to anyone on any address."),
  }),
});

export const adminSchema = z.strictObject({
  console: later().describe("Administration through psql."),
});

export const tracingSchema = z.strictObject({
  headers: later().describe("Headers sent to the collector."),
  ratio: later().describe("Share of the connections that is traced."),
  tls: later().describe("Encrypts the connection to the collector."),
});
