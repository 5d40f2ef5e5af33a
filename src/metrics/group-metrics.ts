/** What happens to the sessions of one group, counted. */
import { ERROR_TABLE } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { GroupListener, WatchedSession } from "../watch/index.ts";
import { BlockMetrics } from "./block-metrics.ts";
import type { Figures } from "./figures.ts";
import type { BlockCounts } from "./history.ts";

const MS_PER_S = 1_000;

export class GroupMetrics implements GroupListener {
  readonly #group: string;
  readonly #blocks = new Map<string, BlockMetrics>();
  readonly #refusals = new Map<ErrorCode, number>();
  readonly #endings = new Map<ErrorCode, number>();
  #opened = 0;
  #closed = 0;
  #openMs = 0;

  constructor(group: string) {
    this.#group = group;
  }

  opened(): void {
    this.#opened++;
  }

  closed(_session: WatchedSession, openMs: number): void {
    this.#closed++;
    this.#openMs += openMs;
  }

  refused(_session: WatchedSession, code: ErrorCode): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  ended(_session: WatchedSession, code: ErrorCode): void {
    this.#endings.set(code, (this.#endings.get(code) ?? 0) + 1);
  }

  terminated({ block }: WatchedSession): void {
    if (block !== undefined) this.block(block).terminations++;
  }

  block(name: string): BlockMetrics {
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const block = new BlockMetrics();
    this.#blocks.set(name, block);
    return block;
  }

  /** What has come together so far; undefined for a block that nobody has been led to. */
  countsOf(block: string): BlockCounts | undefined {
    return this.#blocks.get(block)?.counts();
  }

  collect(figures: Figures): void {
    const group = this.#group;
    figures.set("gatewayd_connections_total", { group }, this.#opened);
    const openS = this.#openMs / MS_PER_S;
    figures.summary("gatewayd_connection_duration_seconds", { group }, openS, this.#closed);
    for (const [code, count] of this.#refusals) {
      const sqlstate = ERROR_TABLE[code].sqlState;
      figures.set("gatewayd_refusals_total", { group, code, sqlstate }, count);
    }
    for (const [code, count] of this.#endings) {
      const sqlstate = ERROR_TABLE[code].sqlState;
      figures.set("gatewayd_connections_ended_total", { group, code, sqlstate }, count);
    }
    for (const [name, block] of this.#blocks) block.collect(figures, group, name);
  }
}
