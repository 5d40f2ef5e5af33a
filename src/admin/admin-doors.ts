/** The doors of administration, opened, changed and closed together. */
import type { Logger } from "../logging/index.ts";
import { Gatekeeper, StrangerLog } from "./access/index.ts";
import type { GatekeeperOptions } from "./access/index.ts";
import type { AdminPort } from "./admin-port.ts";
import type { CommandLayer } from "./commands/index.ts";
import type { DoorTls } from "./door-tls.ts";
import { Doorway } from "./doorway.ts";
import type { PreparedDoor } from "./doorway.ts";
import { GrpcDoor } from "./grpc/index.ts";
import type { ClaimSocket, GrpcPlace } from "./grpc/index.ts";
import { hostAndPort } from "./host-and-port.ts";
import { RestDoor } from "./rest/index.ts";
import { isServing } from "./is-serving.ts";
import type { RestPlace } from "./rest/index.ts";
import type { Tracer } from "../tracing/index.ts";

/** What may change while they are open. */
export interface AdminDoorsTerms {
  readonly access: GatekeeperOptions;
  readonly tls: DoorTls | undefined;
  readonly grpc: GrpcPlace;
  readonly rest: RestPlace;
  /** Another process may listen at the same addresses: one that this one takes over from. */
  readonly reusePort: boolean;
}

export interface AdminDoorsOptions extends AdminDoorsTerms {
  readonly port: AdminPort;
  readonly logger: Logger;
  readonly claimSocket: ClaimSocket;
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

export class AdminDoors {
  #terms: AdminDoorsTerms;
  readonly #gatekeeper: Gatekeeper;
  readonly #grpc: Doorway<GrpcPlace>;
  readonly #rest: Doorway<RestPlace>;

  constructor(options: AdminDoorsOptions) {
    this.#terms = options;
    const { port, access, logger, claimSocket, tracer } = options;
    // Most gateways are hardly ever asked: what it takes to answer is not in memory before that.
    let loaded: Promise<CommandLayer> | undefined;
    const load = async (): Promise<CommandLayer> => {
      const { CommandLayer: Loaded } = await import("./commands/index.ts");
      return new Loaded(port, logger, tracer);
    };
    const layer = (): Promise<CommandLayer> => (loaded ??= load());
    const strangers = new StrangerLog(logger, () => performance.now());
    const gatekeeper = new Gatekeeper(access, (credentials) => strangers.came(credentials));
    this.#gatekeeper = gatekeeper;
    this.#grpc = new Doorway({
      newDoor: (tls) =>
        new GrpcDoor({
          ...{ layer, gatekeeper, tls, claimSocket },
          isServing: () => isServing(port.status()),
        }),
      addressOf: (place) => (place.kind === "unix" ? place.path : hostAndPort(place)),
      onOpen: (address) => logger.info("Started the gRPC Server", { address }),
    });
    this.#rest = new Doorway({
      newDoor: (tls) => new RestDoor({ layer, gatekeeper, port, tls }),
      addressOf: hostAndPort,
      onOpen: (address) => logger.info("Started the HTTP API", { address }),
    });
  }

  /** @throws GatewayError ERR_LISTEN_FAILED; then none is open */
  async open(): Promise<void> {
    const { grpc, rest, tls, reusePort } = this.#terms;
    try {
      await this.#grpc.open({ place: grpc, tls, reusePort });
      await this.#rest.open({ place: rest, tls, reusePort });
    } catch (thrown) {
      await this.close();
      throw thrown;
    }
  }

  /**
   * Who may come in is another one for the next call; doors open elsewhere, or with other certificates.
   * @throws GatewayError ERR_LISTEN_FAILED for an address that cannot be had; then everything stays as it is
   */
  async prepare(terms: AdminDoorsTerms): Promise<PreparedDoor> {
    const doors = await this.#prepareBoth(terms);
    return {
      apply: async () => {
        this.#terms = terms;
        this.#gatekeeper.follow(terms.access);
        for (const door of doors) await door.apply();
      },
      discard: async () => {
        for (const door of doors) await door.discard();
      },
    };
  }

  /** The same doors, with certificates as they are now. @throws GatewayError ERR_LISTEN_FAILED when one cannot be open */
  async show(tls: DoorTls | undefined): Promise<void> {
    await (await this.prepare({ ...this.#terms, tls })).apply();
  }

  /** Calls under way may end. */
  async close(): Promise<void> {
    await Promise.all([this.#grpc.close(), this.#rest.close()]);
  }

  async #prepareBoth(terms: AdminDoorsTerms): Promise<readonly PreparedDoor[]> {
    const { grpc, rest, tls, reusePort } = terms;
    const first = await this.#grpc.prepare({ place: grpc, tls, reusePort });
    try {
      return [first, await this.#rest.prepare({ place: rest, tls, reusePort })];
    } catch (thrown) {
      await first.discard();
      throw thrown;
    }
  }
}
