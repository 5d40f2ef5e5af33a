/** Who asks for a reload: a signal, or an administrator. One at a time. */
import { GatewayError } from "../errors.ts";
import type { GatewayPhase } from "../admin/index.ts";
import type { Logger } from "../logging/index.ts";
import type { ReloadReport } from "./reload.ts";

export interface ReloadRequestsOptions {
  readonly reload: () => Promise<ReloadReport>;
  readonly phase: () => GatewayPhase;
  /** A reload begins, and has ended; `refusal`: with nothing changed, for this reason. */
  readonly began: () => void;
  readonly ended: (refusal: GatewayError | undefined) => void;
  readonly logger: Logger;
}

export class ReloadRequests {
  readonly #options: ReloadRequestsOptions;
  #isUnderWay = false;
  /** A signal came that has not been followed yet. */
  #isSignalled = false;

  constructor(options: ReloadRequestsOptions) {
    this.#options = options;
  }

  /**
   * Reloads now; or when the boot or the reload that is under way is over, once for all signals that come meanwhile:
   * the files may have changed since they were read.
   */
  signalled(): void {
    this.#isSignalled = true;
    void this.followSignal();
  }

  /** To be called when the boot is over. Never rejects: the log tells of what goes wrong. */
  async followSignal(): Promise<void> {
    const { phase, logger } = this.#options;
    while (this.#isSignalled && !this.#isUnderWay && phase() !== "booting") {
      this.#isSignalled = false;
      if (phase() === "draining") {
        logger.warn("The gateway is stopping: the configuration is not read again");
        return;
      }
      await this.#run().catch((thrown: unknown) => {
        if (!(thrown instanceof GatewayError)) logger.error("Failed to reload", { error: thrown });
      });
    }
  }

  /** @throws GatewayError ERR_RELOAD_BUSY while the gateway boots or reloads, or as the reload does */
  async asked(): Promise<ReloadReport> {
    const { phase } = this.#options;
    if (phase() === "draining") throw new GatewayError("ERR_SHUTTING_DOWN");
    if (phase() === "booting" || this.#isUnderWay) throw new GatewayError("ERR_RELOAD_BUSY");
    try {
      return await this.#run();
    } finally {
      void this.followSignal();
    }
  }

  async #run(): Promise<ReloadReport> {
    const { reload, began, ended } = this.#options;
    this.#isUnderWay = true;
    began();
    let refusal: GatewayError | undefined;
    try {
      return await reload();
    } catch (thrown) {
      refusal = GatewayError.from(thrown);
      throw thrown;
    } finally {
      this.#isUnderWay = false;
      ended(refusal);
    }
  }
}
