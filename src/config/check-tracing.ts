/** What must fit together in `tracing` of gatewayd.yaml. */
import { GatewayError } from "../errors.ts";
import { checkKeyPair, type CheckReport } from "./check-report.ts";
import { readCertificates, readKeyPair } from "./pem-files.ts";
import type { TracingConfig } from "./schema/index.ts";

/** As gRPC has the names of headers. Those that end in -bin hold bytes, and grpc- ones are its own. */
const HEADER_NAME = /^(?!grpc-)[0-9a-z_.-]+(?<!-bin)$/i;

/** Errors about `tracing`. */
export function checkTracing(tracing: TracingConfig, report: CheckReport): void {
  const { headers, tls, caFile, certFile, keyFile } = tracing;
  for (const name of Object.keys(headers)) {
    if (HEADER_NAME.test(name)) continue;
    report.error(["tracing", "headers", name], "is no name of a header that can be sent");
  }
  checkKeyPair(["tracing"], certFile ?? "", keyFile ?? "", report);
  if (!tls) {
    for (const key of ["caFile", "certFile"] as const) {
      if (tracing[key] === undefined) continue;
      report.error(["tracing", key], "needs tls: true");
    }
    return;
  }
  check("caFile", () => caFile !== undefined && readCertificates(caFile), report);
  if (certFile === undefined || keyFile === undefined) return;
  check("certFile", () => readKeyPair(certFile, keyFile), report);
}

function check(key: string, read: () => unknown, report: CheckReport): void {
  try {
    read();
  } catch (thrown) {
    report.error(["tracing", key], GatewayError.from(thrown).message);
  }
}
