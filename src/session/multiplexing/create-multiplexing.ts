import type { Logger } from "../../logging/index.ts";
import type { TimerWheel } from "../../net/index.ts";
import type { Sharing } from "../../sharing/index.ts";
import type { GroupWatch } from "../../watch/index.ts";
import { forwardCancel } from "../forward-cancel.ts";
import { askServer } from "./ask-server.ts";
import { Multiplexing } from "./multiplexing.ts";
import type { StatementScopes } from "./multiplexing.ts";

export interface MultiplexedBlock {
  /** Its name, for the log. */
  readonly block: string;
  /** Units under way on one backend at most; at least 2. */
  readonly depth: number;
  /** Units of a lost backend that nothing has come of yet are sent again. */
  readonly retriesReadOnly: boolean;
  /** Knows which statements of the block change nothing. */
  readonly sharing: Sharing;
  readonly timers: TimerWheel;
  readonly logger: Logger;
  /** Undefined when nobody watches. */
  readonly watch?: GroupWatch | undefined;
}

/** Multiplexing for one block: its catalogue is asked, and its server told to cancel, on its own backends. */
export function createMultiplexing(options: MultiplexedBlock): Multiplexing {
  const { block, depth, retriesReadOnly, sharing, timers, logger, watch } = options;
  return new Multiplexing({
    depth,
    retriesReadOnly,
    timers,
    ...scopesOf(sharing),
    cancel: async (backend) => await forwardCancel(backend, block, { timers, logger, watch }),
  });
}

/** What a block's {@link Multiplexing} goes by. */
export function scopesOf(sharing: Sharing): StatementScopes {
  return {
    scopeOf: (lane, settings) => {
      const { user, database } = lane.pair;
      return sharing.scope(
        JSON.stringify([user, database]),
        settings.resultKey,
        async (sql) => await askServer(lane, settings, sql),
      );
    },
    close: () => sharing.close(),
  };
}
