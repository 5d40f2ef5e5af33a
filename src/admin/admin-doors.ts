/** The doors of administration, opened and closed together. */
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import { Gatekeeper } from "./access/index.ts";
import type { GatekeeperOptions } from "./access/index.ts";
import type { AdminPort } from "./admin-port.ts";
import type { CommandLayer } from "./commands/index.ts";
import type { DoorTls } from "./door-tls.ts";
import { GrpcDoor } from "./grpc/index.ts";
import type { ClaimSocket, GrpcPlace } from "./grpc/index.ts";
import { RestDoor } from "./rest/index.ts";
import type { RestPlace } from "./rest/index.ts";
import type { Tracer } from "../tracing/index.ts";

export interface AdminDoorsOptions {
  readonly port: AdminPort;
  readonly access: GatekeeperOptions;
  readonly tls: DoorTls | undefined;
  readonly grpc: GrpcPlace;
  readonly rest: RestPlace;
  /** Another process may listen at the same addresses: one that this one takes over from. */
  readonly reusePort: boolean;
  readonly logger: Logger;
  readonly claimSocket: ClaimSocket;
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

export class AdminDoors {
  readonly #options: AdminDoorsOptions;
  readonly #grpc: GrpcDoor;
  readonly #rest: RestDoor;

  constructor(options: AdminDoorsOptions) {
    this.#options = options;
    const { port, access, tls, logger, claimSocket, tracer } = options;
    // Most gateways are hardly ever asked: what it takes to answer is not in memory before that.
    let loaded: Promise<CommandLayer> | undefined;
    const load = async (): Promise<CommandLayer> => {
      const { CommandLayer: Loaded } = await import("./commands/index.ts");
      return new Loaded(port, logger, tracer);
    };
    const layer = (): Promise<CommandLayer> => (loaded ??= load());
    const gatekeeper = new Gatekeeper(access);
    const isServing = (): boolean => port.status().phase === "serving";
    this.#grpc = new GrpcDoor({ layer, gatekeeper, isServing, tls, claimSocket });
    this.#rest = new RestDoor({ layer, gatekeeper, port, tls });
  }

  /** @throws GatewayError ERR_LISTEN_FAILED; then none is open */
  async open(): Promise<void> {
    const { grpc, rest, reusePort, logger } = this.#options;
    try {
      const grpcAddress = await this.#grpc.open(grpc, reusePort);
      logger.info("Started the gRPC Server", { address: grpcAddress });
      const address = await this.#rest.open(rest, reusePort);
      logger.info("Started the HTTP API", { address });
    } catch (thrown) {
      await this.close();
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      throw new GatewayError("ERR_LISTEN_FAILED", `the admin API: ${message}`, { cause: thrown });
    }
  }

  /** Calls under way may end. */
  async close(): Promise<void> {
    await Promise.all([this.#grpc.close(), this.#rest.close()]);
  }
}
