/** The doors of administration, where the configuration asks for them; they follow it while they are open. */
import { AdminDoors, ConsoleDoor } from "../admin/index.ts";
import type { AdminDoorsTerms, AdminPort, DoorTls } from "../admin/index.ts";
import {
  anonymousRole,
  effectiveConsole,
  isLocalHost,
  isUnixAddress,
  readCertificates,
  readKeyPair,
} from "../config/index.ts";
import type { ApiConfig, GlobalConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import { adminPortOf } from "./admin-port-of.ts";
import type { AdminPortOptions } from "./admin-port-of.ts";
import { channelBindingOf } from "./channel-binding-of.ts";
import { ConsoleDatabase } from "./console-database.ts";
import type { Gateway } from "./gateway.ts";
import { holdNewcomers, isPortOfAnother, SocketFile } from "../net/index.ts";
import type { PreparedPart, ReloadPart } from "./reload-part.ts";
import type { ReloadPlan } from "./reload-plan.ts";
import { toAddress } from "./to-address.ts";
import type { Tracer } from "../tracing/index.ts";
import { WatchedFiles } from "./watched-files.ts";
import type { FileSource } from "./watched-files.ts";

export interface AdministrationOptions extends AdminPortOptions {
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

/** Open doors, and the certificates that they show. */
interface Opened {
  readonly doors: AdminDoors;
  readonly certificates: WatchedFiles<DoorTls | undefined>;
}

export class Administration implements ReloadPart {
  readonly name = "admin API";
  readonly #options: AdministrationOptions;
  readonly #port: AdminPort;
  #opened: Opened | undefined;

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
    const { global } = this.#options.gateway.config;
    if (!global.api.enabled || this.#opened !== undefined) return;
    this.#take(await this.#open(global));
  }

  /** Tokens, roles, certificates and addresses are other ones for the next call. */
  async prepare({ after }: Pick<ReloadPlan, "after">): Promise<PreparedPart | undefined> {
    const { api, servers } = after.global;
    const opened = this.#opened;
    // Whoever asks for it waits for his answer, which nobody should wait for here.
    if (!api.enabled) return opened && { apply: () => void this.close() };
    if (opened === undefined) {
      const next = await this.#open(after.global);
      return { apply: () => this.#take(next), discard: () => next.doors.close() };
    }
    const certificates = opened.certificates.prepare(doorCertificates(api));
    const doors = await opened.doors.prepare(termsOf(api, servers, certificates.value));
    return {
      apply: async () => {
        await doors.apply();
        await certificates.apply();
      },
      discard: () => doors.discard(),
    };
  }

  /** Closes in favour of another gateway, which listens there as well. */
  async leave(): Promise<void> {
    if (this.#opened === undefined) return;
    await holdNewcomers(portsOf(this.#options.gateway.config.global.api));
    await this.close();
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.certificates.close();
    await opened?.doors.close();
  }

  async #open({ api, servers }: GlobalConfig): Promise<Opened> {
    const { loggers, tracer } = this.#options;
    const certificates: Opened["certificates"] = new WatchedFiles({
      ...doorCertificates(api),
      logger: loggers.main,
      onChange: async () => await this.#show(certificates.current),
    });
    const doors = new AdminDoors({
      port: this.#port,
      ...termsOf(api, servers, certificates.current),
      logger: loggers.main,
      claimSocket: (path, takesOver) => SocketFile.claim(path, takesOver),
      tracer,
    });
    await doors.open();
    return { doors, certificates };
  }

  #take(opened: Opened): void {
    this.#opened = opened;
    opened.certificates.watch();
  }

  async #show(tls: DoorTls | undefined): Promise<void> {
    try {
      await this.#opened?.doors.show(tls);
    } catch (thrown) {
      const { code, message } = GatewayError.from(thrown);
      this.#options.loggers.main.error("The admin API is closed", { code, error: message });
    }
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

/** Reading throws GatewayError ERR_CONFIG_INVALID naming the file that cannot be used, and why. */
function doorCertificates({ certFile, keyFile, auth }: ApiConfig): FileSource<DoorTls | undefined> {
  const what = "TLS certificates of the admin API";
  if (certFile === "") return { what, files: [], read: () => undefined, describe: () => ({}) };
  const caFile = auth?.clientCAFile;
  return {
    what,
    files: [certFile, keyFile, ...(caFile === undefined ? [] : [caFile])],
    read: () => ({
      ...readKeyPair(certFile, keyFile),
      clientCa: caFile === undefined ? undefined : readCertificates(caFile),
    }),
    describe: () => ({ certFile }),
  };
}

function termsOf(
  api: ApiConfig,
  servers: GlobalConfig["servers"],
  tls: DoorTls | undefined,
): AdminDoorsTerms {
  const rest = toAddress("tcp", api.httpAddress);
  if (rest.kind !== "tcp") throw new Error("httpAddress is no TCP address"); // Checked at load.
  return {
    access: {
      tokens: api.auth?.tokens ?? [],
      certificates: api.auth?.certificates ?? [],
      anonymous: anonymousRole(api),
    },
    tls,
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
