/** The doors of administration, where the configuration asks for them. */
import { AdminDoors, ConsoleDoor } from "../admin/index.ts";
import type { AdminPort, DoorTls } from "../admin/index.ts";
import {
  anonymousRole,
  effectiveConsole,
  isLocalHost,
  isUnixAddress,
  readCertificates,
  readKeyPair,
} from "../config/index.ts";
import type { ApiConfig, GlobalConfig } from "../config/index.ts";
import { adminPortOf } from "./admin-port-of.ts";
import type { AdminPortOptions } from "./admin-port-of.ts";
import { channelBindingOf } from "./channel-binding-of.ts";
import { ConsoleDatabase } from "./console-database.ts";
import type { Gateway } from "./gateway.ts";
import { holdNewcomers, isPortOfAnother, SocketFile } from "../net/index.ts";
import { toAddress } from "./to-address.ts";
import type { Tracer } from "../tracing/index.ts";

export interface AdministrationOptions extends AdminPortOptions {
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

export class Administration {
  readonly #options: AdministrationOptions;
  readonly #port: AdminPort;
  #doors: AdminDoors | undefined;

  /** From then on the groups that the gateway builds have a console, where the configuration has users for it. */
  constructor(options: AdministrationOptions) {
    const { gateway, loggers, tracer } = options;
    this.#options = options;
    this.#port = adminPortOf(options);
    openConsole(gateway, new ConsoleDoor({ port: this.#port, logger: loggers.main, tracer }));
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
      port: this.#port,
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

function openConsole(gateway: Gateway, door: ConsoleDoor): void {
  gateway.consoleOf = (group, tls) => {
    const server = gateway.config.global.servers[group];
    return new ConsoleDatabase({
      door,
      config: () => effectiveConsole(gateway.config.global),
      hasUnixSocket: server?.address.some((one) => isUnixAddress(server.network, one)) === true,
      channelBinding: () => channelBindingOf(tls),
    });
  };
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
