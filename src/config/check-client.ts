/** What must fit together in one block of the clients of gatewayd.yaml. */
import { GatewayError } from "../errors.ts";
import { checkKeyPair, type CheckReport } from "./check-report.ts";
import type { Path } from "./config-tree.ts";
import { readCertificates, readKeyPair } from "./pem-files.ts";
import { addressProblem, type ClientConfig, isUnixAddress } from "./schema/index.ts";

/** Errors and warnings about `clients.<group>.<block>`. */
export function checkClient(
  group: string,
  block: string,
  client: ClientConfig,
  report: CheckReport,
): void {
  const path = ["clients", group, block];
  checkAddress([...path, "address"], client, report);
  checkTls(path, client, report);
  if (client.startupParams?.["replication"] !== undefined) {
    const message = "is not possible: sessions share these connections";
    report.error([...path, "startupParams", "replication"], message);
  }
}

function checkAddress(path: Path, { network, address }: ClientConfig, report: CheckReport): void {
  const problem = addressProblem(network, address);
  if (problem !== undefined) report.error(path, problem);
  else if (!isUnixAddress(network, address) && /:0*$/.test(address)) {
    report.error(path, "must name a port other than 0");
  }
}

function checkTls(path: Path, client: ClientConfig, report: CheckReport): void {
  const { tlsMode, caFile, certFile, keyFile, network, address } = client;
  const verifies = tlsMode === "verify-ca" || tlsMode === "verify-full";
  checkKeyPair(path, certFile ?? "", keyFile ?? "", report);
  if (tlsMode === "verify-ca" && caFile === undefined) {
    report.error([...path, "tlsMode"], "verify-ca needs caFile");
  }
  if (caFile !== undefined && !verifies) {
    const message = "has an effect only with tlsMode verify-ca or verify-full";
    report.error([...path, "caFile"], message);
  }
  if (tlsMode === "disable") {
    for (const key of ["certFile", "serverName"] as const) {
      if (client[key] === undefined) continue;
      report.warning([...path, key], "has no effect with tlsMode disable");
    }
    return;
  }
  if (isUnixAddress(network, address)) {
    const message = `${tlsMode} is not possible: over a Unix socket nothing is encrypted`;
    if (tlsMode !== "prefer") report.error([...path, "tlsMode"], message);
    return;
  }
  if (caFile !== undefined && verifies) {
    checkFile([...path, "caFile"], () => readCertificates(caFile), report);
  }
  if (certFile !== undefined && keyFile !== undefined) {
    checkFile([...path, "certFile"], () => readKeyPair(certFile, keyFile), report);
  }
}

function checkFile(path: Path, read: () => unknown, report: CheckReport): void {
  try {
    read();
  } catch (thrown) {
    report.error(path, GatewayError.from(thrown).message);
  }
}
