/**
 * Cancel requests between gateways that listen at the same addresses. A request knows no address but theirs, so it
 * comes to any of them: the one that does not know its key tells the others of this machine, each by a name of its own
 * that the kernel lists. Nothing is handed on twice.
 */
import { randomBytes } from "node:crypto";
import { askToCancel } from "../backend/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import { dialName, ignoringHandler, listenAtName, namesListenedAt } from "../net/index.ts";
import type { Connection, TimerWheel } from "../net/index.ts";
import { MAX_STARTUP_BYTES, readStartupPacket } from "../postgres/index.ts";
import type { Cancellable, CancelKeys } from "../session/index.ts";

const PREFIX = "gatewayd-cancel-";
/** Of a peer that says nothing, or does not close. */
const PATIENCE_MS = 5_000;
/** Requests for nobody here that are handed on at once; anybody can send some. */
const MAX_UNDER_WAY = 32;

export interface CancelPeersOptions {
  /** Of all clients of this gateway. */
  readonly cancelKeys: CancelKeys;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

export class CancelPeers {
  readonly #options: CancelPeersOptions;
  readonly #name = `${PREFIX}${randomBytes(16).toString("hex")}`;
  #listener: Disposable | undefined;
  #underWay = 0;

  constructor(options: CancelPeersOptions) {
    this.#options = options;
  }

  /** From now on requests are handed on, and taken from others. Without effect on systems other than Linux. */
  open(): void {
    if (this.#listener !== undefined || process.platform !== "linux") return;
    const { cancelKeys, timers, logger } = this.#options;
    try {
      this.#listener = listenAtName(this.#name, timers, (connection) => this.#hear(connection));
    } catch (thrown) {
      const { message: reason } = GatewayError.from(thrown);
      logger.warn("Other gateways cannot hand on cancel requests to this one", { reason });
      return;
    }
    cancelKeys.elsewhere = (key) => this.#elsewhere(key);
  }

  close(): void {
    this.#options.cancelKeys.elsewhere = undefined;
    this.#listener?.[Symbol.dispose]();
    this.#listener = undefined;
  }

  /** Undefined when there is nobody to tell. */
  #elsewhere(key: Uint8Array): Cancellable | undefined {
    if (this.#underWay >= MAX_UNDER_WAY) return undefined;
    const others = namesListenedAt(PREFIX).filter((name) => name !== this.#name);
    if (others.length === 0) return undefined;
    return {
      cancel: async () => {
        this.#underWay++;
        await Promise.all(others.map((name) => this.#tell(name, key)));
        this.#underWay--;
      },
    };
  }

  /** Resolves when the other one has closed: it has passed the request on, or knows no such client. Never rejects. */
  async #tell(name: string, key: Uint8Array): Promise<void> {
    const { timers, logger } = this.#options;
    try {
      await askToCancel(await dialName(name, timers), key, timers, PATIENCE_MS);
    } catch (thrown) {
      const { message: reason } = GatewayError.from(thrown);
      logger.debug("A cancel request could not be handed on to another gateway", { reason });
    }
  }

  #hear(connection: Connection): void {
    const { cancelKeys, timers } = this.#options;
    let sent: Uint8Array = new Uint8Array(0);
    const limit = timers.after(PATIENCE_MS, () => connection.terminate());
    connection.handler = {
      ...ignoringHandler,
      onData: (bytes) => {
        sent = Buffer.concat([sent, bytes]);
        const packet = readStartupPacket(sent);
        if (packet.kind === "incomplete" && sent.length < MAX_STARTUP_BYTES) return;
        connection.handler = { ...ignoringHandler, onClose: () => limit.dispose() };
        const target = packet.kind === "cancelRequest" ? cancelKeys.ownOf(packet.key) : undefined;
        void Promise.resolve(target?.cancel()).then(() => connection.close());
      },
      onEnd: () => connection.close(),
      onClose: () => limit.dispose(),
    };
  }
}
