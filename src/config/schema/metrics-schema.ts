/** `metrics.<group>`: the page that Prometheus reads. */
import * as z from "zod";
import { addressProblem } from "./address.ts";
import { newKeys, onReload } from "./key-info.ts";
import { boolean, duration, integer, text } from "./scalars.ts";

export const metricsSchema = z.strictObject({
  enabled: boolean()
    .prefault(true)
    .describe("Serves the metrics of the group. Without it nothing of the group is counted."),
  address: text((value) => addressProblem("tcp", value))
    .prefault("localhost:9090")
    .describe("Address the page is served on."),
  path: text((value) => (value.startsWith("/") ? undefined : "must begin with /"))
    .prefault("/metrics")
    .describe("Path of the page."),
  readHeaderTimeout: duration()
    .prefault("10s")
    .describe("Time a reader has to send its request headers; 0 = any."),
  timeout: duration()
    .prefault("10s")
    .describe(
      "Time to read a request and to write its answer, and to wait for the next one; 0 = any.",
    ),
  certFile: text()
    .prefault("")
    .describe(
      "Certificate (PEM). With `keyFile`: HTTPS, by TLS 1.3. Groups at the same address have the same.",
    ),
  keyFile: text().prefault("").describe("Private key (PEM)."),
  ...newKeys({
    statements: onReload("restart", integer({ max: 10_000 }))
      .prefault(500)
      .describe(
        "How many different statements of each block are counted, without their values: those that take most time, for `gatewayd statements`, the web page and the admin API. Of quick ones beyond 100 a second a sample is looked at. 0: none is.",
      ),
  }),
});
