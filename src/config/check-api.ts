/** What must fit together in `api`, above all: nobody gives commands who should not. */
import { checkKeyPair, type CheckReport } from "./check-report.ts";
import type { Path } from "./config-tree.ts";
import { addressProblem, type ApiConfig, isUnixAddress, splitHostPort } from "./schema/index.ts";

/** The addresses in the files that GatewayD comes with: everybody may look there, and nobody do anything. */
const SHIPPED_ADDRESSES: readonly string[] = ["0.0.0.0:18080", "0.0.0.0:19090"];

const ADDRESSES = ["httpAddress", "grpcAddress"] as const;

/** What somebody may do who does not say who he is. */
export function anonymousRole(api: ApiConfig): "admin" | "viewer" | undefined {
  if (api.allowUnauthenticated) return "admin";
  if (api.auth !== undefined) return undefined;
  return openAddresses(api).length > 0 ? "viewer" : "admin";
}

export function checkApi(api: ApiConfig, report: CheckReport): void {
  const problem = addressProblem(api.grpcNetwork, api.grpcAddress);
  if (problem !== undefined) report.error(["api", "grpcAddress"], problem);
  checkKeyPair(["api"], api.certFile, api.keyFile, report);
  if (!api.enabled) return;
  checkAuth(api, report);
  for (const key of openAddresses(api)) checkOpenAddress(key, api, report);
}

function checkAuth({ auth, certFile }: ApiConfig, report: CheckReport): void {
  if (auth === undefined) return;
  const path: Path = ["api", "auth"];
  const { tokens, certificates, clientCAFile } = auth;
  if (tokens.length === 0 && certificates.length === 0) {
    report.error(path, "lets nobody in: give tokens or certificates");
  }
  if (certificates.length > 0 && (clientCAFile === undefined || certFile === "")) {
    report.error(
      [...path, "certificates"],
      "needs clientCAFile, and api.certFile with api.keyFile",
    );
  }
  const names = [...tokens, ...certificates].map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) report.error(path, `"${twice}" is named twice`);
}

function checkOpenAddress(
  key: (typeof ADDRESSES)[number],
  api: ApiConfig,
  report: CheckReport,
): void {
  const path = ["api", key];
  if (api.auth !== undefined && !api.allowUnauthenticated) {
    if (api.certFile === "" && api.auth.tokens.length > 0) {
      report.warning(
        path,
        "other machines reach it, and without certFile tokens travel in clear text",
      );
    }
    return;
  }
  if (api.allowUnauthenticated) {
    report.warning(path, "everybody who reaches it may give every command");
  } else if (SHIPPED_ADDRESSES.includes(api[key])) {
    report.warning(
      path,
      "everybody who reaches it may look, and nobody may change anything: give api.auth, or a local address",
    );
  } else {
    report.error(
      path,
      "other machines reach it: give api.auth or a local address, or say api.allowUnauthenticated: true",
    );
  }
}

/** Keys of the addresses that may be reached from other machines. */
function openAddresses(api: ApiConfig): (typeof ADDRESSES)[number][] {
  return ADDRESSES.filter((key) => {
    const isUnix = key === "grpcAddress" && isUnixAddress(api.grpcNetwork, api.grpcAddress);
    return !isUnix && !isLocalHost(splitHostPort(api[key])?.host ?? "");
  });
}

/** Whether a host is this machine, and nothing else of it. */
export function isLocalHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
