/** The blocks of a group, of whatever mode, as its tenant needs them. */
import type { LoadedConfig } from "../config/index.ts";
import type { Strategy } from "../balancer/index.ts";
import type { Logger } from "../logging/index.ts";
import type { TimerWheel } from "../net/index.ts";
import type { BlockRouter } from "../pool/index.ts";
import type { Pooling } from "../session/index.ts";
import type { ServerTraces } from "../tracing/recorder/index.ts";
import type { GroupWatch } from "../watch/index.ts";
import type { GroupFiles } from "./group-files.ts";
import type { TenantPool } from "./tenant.ts";

/** Undefined: nothing is traced. */
export type TracesOfBlock = (block: string) => ServerTraces | undefined;

export interface GroupBlocksParts {
  readonly group: string;
  readonly config: LoadedConfig;
  readonly files: GroupFiles;
  readonly newStrategy: () => Strategy;
  /** Hears of the sessions; undefined: nobody does. */
  readonly watch: GroupWatch | undefined;
  /** Of the connections to the server of a block. */
  readonly tracesOf: TracesOfBlock | undefined;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

export interface GroupBlocks {
  /** In the order of the configuration. */
  readonly pools: readonly TenantPool[];
  /** Where sessions of passthrough ask. */
  readonly router: BlockRouter;
  /** Undefined in passthrough. */
  readonly pooling: Pooling | undefined;
  /**
   * Follows another configuration of the group, of the same kind.
   * @returns blocks that are no more part of it, retired
   */
  reconfigure(parts: GroupBlocksParts): readonly TenantPool[];
  /** The group has blocks of the other kind: nobody new comes. @returns all of them */
  retire(): readonly TenantPool[];
  /** What there is beside the pools. Resolves when it is gone. */
  close(): Promise<void>;
}
