/** What lets the clients of a block share server connections while all are busy, as the configuration has it. */
import { isDeepStrictEqual } from "node:util";
import type { PoolConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import type { TimerWheel } from "../net/index.ts";
import { createMultiplexing, scopesOf } from "../session/index.ts";
import type { Multiplexing } from "../session/index.ts";
import { Sharing } from "../sharing/index.ts";
import type { GroupWatch } from "../watch/index.ts";

export interface BlockMultiplexingParts {
  readonly block: string;
  readonly watch: GroupWatch | undefined;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

export class BlockMultiplexing {
  readonly #parts: BlockMultiplexingParts;
  /** Once it was asked for: sessions that began with it may be at work for a while. */
  #multiplexing: Multiplexing | undefined;
  #allowFunctions: readonly string[] = [];

  constructor(parts: BlockMultiplexingParts) {
    this.#parts = parts;
  }

  /** As it is to be now; undefined where a server connection serves one session at a time. */
  of(pool: PoolConfig): Multiplexing | undefined {
    const { multiplexDepth: depth, retryReadOnly: retriesReadOnly, allowFunctions } = pool;
    const known = this.#multiplexing;
    known?.reconfigure({ depth, retriesReadOnly });
    if (depth === 1) return undefined;
    const isSame = isDeepStrictEqual(allowFunctions, this.#allowFunctions);
    this.#allowFunctions = allowFunctions;
    if (known === undefined) {
      const sharing = this.#newSharing();
      this.#multiplexing = createMultiplexing({ ...this.#parts, depth, retriesReadOnly, sharing });
    } else if (!isSame) known.replaceScopes(scopesOf(this.#newSharing()));
    return this.#multiplexing;
  }

  close(): void {
    this.#multiplexing?.close();
  }

  #newSharing(): Sharing {
    const { block, timers, logger } = this.#parts;
    const allowFunctions = this.#allowFunctions;
    return new Sharing({ block, allowFunctions, clock: timers.clock, logger });
  }
}
