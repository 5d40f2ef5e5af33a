/** What must fit together in one server of gatewayd.yaml. */
import { checkKeyPair, type CheckReport } from "./check-report.ts";
import type { Path } from "./config-tree.ts";
import { suggestion } from "./nearest-key.ts";
import { addressProblem, isUnixAddress, type ServerConfig } from "./schema/index.ts";

/** Errors and warnings about `servers.<group>`; `blocks` are the group's blocks. */
export function checkServer(
  group: string,
  server: ServerConfig,
  blocks: readonly string[],
  report: CheckReport,
): void {
  const path = ["servers", group];
  checkAddresses(path, server, report);
  checkTls(path, server, report);
  checkProtocol(path, server, report);
  checkBalancer([...path, "loadBalancer"], server.loadBalancer, blocks, report);
  if (server.enableTicker && server.tickInterval === 0) {
    report.error([...path, "tickInterval"], "must be more than 0 with enableTicker");
  }
}

function checkAddresses(path: Path, { network, address }: ServerConfig, report: CheckReport): void {
  if (address.length === 0) report.error([...path, "address"], "must not be empty");
  for (const one of address) {
    const problem = addressProblem(network, one);
    if (problem !== undefined) report.error([...path, "address"], problem);
  }
  const hasSocket = address.some((one) => isUnixAddress(network, one));
  if (!hasSocket && report.isGiven([...path, "socketMode"])) {
    report.warning([...path, "socketMode"], "has no effect: no address is a Unix socket");
  }
}

function checkTls(path: Path, server: ServerConfig, report: CheckReport): void {
  const { enableTLS, certFile, keyFile, tlsMode, clientCAFile = "" } = server;
  checkKeyPair(path, certFile, keyFile, report);
  const verifies = tlsMode === "verify-ca" || tlsMode === "verify-full";
  if (enableTLS && certFile === "" && keyFile === "") {
    report.error([...path, "enableTLS"], "needs certFile and keyFile");
  }
  if (!enableTLS && tlsMode !== "disable") {
    report.error([...path, "tlsMode"], `${tlsMode} needs enableTLS: true`);
  }
  if (verifies && clientCAFile === "") {
    report.error([...path, "tlsMode"], `${tlsMode} needs clientCAFile`);
  }
  if (!verifies && clientCAFile !== "") {
    const message = "has an effect only with tlsMode verify-ca or verify-full";
    report.error([...path, "clientCAFile"], message);
  }
  if (enableTLS && tlsMode === "disable") {
    report.warning([...path, "tlsMode"], "disable turns enableTLS off");
  }
  if (!enableTLS && certFile !== "") {
    report.warning([...path, "certFile"], "has no effect without enableTLS: true");
  }
  if (!enableTLS && report.isGiven([...path, "minTLSVersion"])) {
    report.warning([...path, "minTLSVersion"], "has no effect without enableTLS: true");
  }
}

/** Keys that only make sense where the gateway understands what clients say. */
function checkProtocol(path: Path, server: ServerConfig, report: CheckReport): void {
  if (server.protocol !== "raw") return;
  const message = "needs protocol: postgres";
  if (server.enableTLS) report.error([...path, "enableTLS"], message);
  for (const key of ["idleInTransactionTimeout", "queryTimeout"] as const) {
    if (server[key] > 0) report.error([...path, key], message);
  }
  for (const key of ["startupTimeout", "maxMessageBytes", "maxPendingUnits", "auth", "routes"]) {
    if (report.isGiven([...path, key])) report.error([...path, key], message);
  }
}

function checkBalancer(
  path: Path,
  balancer: ServerConfig["loadBalancer"],
  blocks: readonly string[],
  report: CheckReport,
): void {
  const rulesPath = [...path, "loadBalancingRules"];
  const { strategy, loadBalancingRules: rules } = balancer;
  const isWeighted = strategy === "WEIGHTED_ROUND_ROBIN";
  if (isWeighted && rules.length === 0) {
    report.error([...path, "strategy"], `${strategy} needs loadBalancingRules`);
  }
  if (!isWeighted && rules.length > 0) {
    report.warning(rulesPath, "has an effect only with strategy WEIGHTED_ROUND_ROBIN");
  }
  const defaultIndex = rules.findIndex(({ condition }) => condition === "DEFAULT");
  for (const [index, { condition, distribution }] of rules.entries()) {
    const rulePath = [...rulesPath, index];
    if (index !== Math.max(defaultIndex, 0)) {
      const used = defaultIndex < 0 ? "without DEFAULT, the first rule" : "the rule for DEFAULT";
      report.warning(rulePath, `is not used: ${used} holds for all clients`);
    } else if (condition !== "DEFAULT") {
      report.warning([...rulePath, "condition"], `"${condition}" counts as DEFAULT`);
    }
    const names = new Set<string>();
    for (const [entry, { proxyName }] of distribution.entries()) {
      const namePath = [...rulePath, "distribution", entry, "proxyName"];
      if (!blocks.includes(proxyName.toLowerCase())) {
        const hint = suggestion(proxyName, blocks);
        report.error(namePath, `"${proxyName}" is not a block of this group${hint}`);
      } else if (names.has(proxyName.toLowerCase())) {
        report.error(namePath, `"${proxyName}" is given twice`);
      }
      names.add(proxyName.toLowerCase());
    }
  }
}
