/** The doors of administration, where the configuration asks for them. */
import { AdminDoors } from "../admin/index.ts";
import type { DoorTls } from "../admin/index.ts";
import { anonymousRole, isLocalHost, readCertificates, readKeyPair } from "../config/index.ts";
import type { ApiConfig, GlobalConfig } from "../config/index.ts";
import { adminPortOf } from "./admin-port-of.ts";
import type { AdminPortOptions } from "./admin-port-of.ts";
import { holdNewcomers, isPortOfAnother, SocketFile } from "../net/index.ts";
import { toAddress } from "./to-address.ts";
import type { Tracer } from "../tracing/index.ts";

export interface AdministrationOptions extends AdminPortOptions {
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

export class Administration {
  readonly #options: AdministrationOptions;
  #doors: AdminDoors | undefined;

  constructor(options: AdministrationOptions) {
    this.#options = options;
  }

  /**
   * As {@link open}, but for a gateway that takes over from another: until it serves clients, that one answers.
   * @throws as open does
   */
  async openUnlessTakingOver(): Promise<void> {
    const { api, servers } = this.#options.gateway.config.global;
    if (isReusing(servers) && portsOf(api).some(isPortOfAnother)) return;
    await this.open();
  }

  /** Once. @throws GatewayError ERR_LISTEN_FAILED, or ERR_CONFIG_INVALID naming a certificate that cannot be used */
  async open(): Promise<void> {
    const { gateway, loggers, tracer } = this.#options;
    const { api, servers } = gateway.config.global;
    if (!api.enabled || this.#doors !== undefined) return;
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
      claimSocket: (path, takesOver) => SocketFile.claim(path, takesOver),
      tracer,
    });
    await doors.open();
    this.#doors = doors;
  }

  /** Closes in favour of another gateway, which listens there as well. */
  async leave(): Promise<void> {
    if (this.#doors === undefined) return;
    await holdNewcomers(portsOf(this.#options.gateway.config.global.api));
    await this.close();
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
    reusePort: isReusing(servers),
  };
}

/** While one gateway takes over from another both have the same addresses. */
function isReusing(servers: GlobalConfig["servers"]): boolean {
  return Object.values(servers).some(({ reusePort }) => reusePort);
}

/** Those that the configuration names. */
function portsOf({ httpAddress, grpcNetwork, grpcAddress }: ApiConfig): readonly number[] {
  const addresses = [toAddress("tcp", httpAddress), toAddress(grpcNetwork, grpcAddress)];
  return addresses.flatMap((address) =>
    address.kind === "tcp" && address.port !== 0 ? [address.port] : [],
  );
}
