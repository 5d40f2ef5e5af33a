/** The doors of administration, where the configuration asks for them. */
import { AdminDoors } from "../admin/index.ts";
import type { DoorTls } from "../admin/index.ts";
import { anonymousRole, isLocalHost, readCertificates, readKeyPair } from "../config/index.ts";
import type { ApiConfig, GlobalConfig } from "../config/index.ts";
import { adminPortOf } from "./admin-port-of.ts";
import type { AdminPortOptions } from "./admin-port-of.ts";
import { toAddress } from "./to-address.ts";

export class Administration {
  readonly #options: AdminPortOptions;
  #doors: AdminDoors | undefined;

  constructor(options: AdminPortOptions) {
    this.#options = options;
  }

  /** @throws GatewayError ERR_LISTEN_FAILED, or ERR_CONFIG_INVALID naming a certificate that cannot be used */
  async open(): Promise<void> {
    const { gateway, loggers } = this.#options;
    const { api, servers } = gateway.config.global;
    if (!api.enabled) return;
    const doors = new AdminDoors({
      port: adminPortOf(this.#options),
      access: {
        tokens: api.auth?.tokens ?? [],
        certificates: api.auth?.certificates ?? [],
        anonymous: anonymousRole(api),
      },
      tls: tlsOf(api),
      ...placesOf(api, servers),
      logger: loggers.main,
    });
    await doors.open();
    this.#doors = doors;
  }

  async close(): Promise<void> {
    await this.#doors?.close();
    this.#doors = undefined;
  }
}

function tlsOf({ certFile, keyFile, auth }: ApiConfig): DoorTls | undefined {
  if (certFile === "") return undefined;
  const clientCAFile = auth?.clientCAFile;
  const clientCa = clientCAFile === undefined ? undefined : readCertificates(clientCAFile);
  return { ...readKeyPair(certFile, keyFile), clientCa };
}

function placesOf(api: ApiConfig, servers: GlobalConfig["servers"]) {
  const rest = toAddress("tcp", api.httpAddress);
  if (rest.kind !== "tcp") throw new Error("httpAddress is no TCP address"); // Checked at load.
  return {
    rest: { ...rest, isLocal: isLocalHost(rest.host) },
    grpc: toAddress(api.grpcNetwork, api.grpcAddress),
    // While one gateway takes over from another both have the same addresses.
    reusePort: Object.values(servers).some((server) => server.reusePort),
  };
}
