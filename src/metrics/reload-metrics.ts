/** Reloads of the configuration, counted. */
import type { Figures } from "./figures.ts";

export type ReloadOutcome = "applied" | "refused";

const MS_PER_S = 1_000;

export class ReloadMetrics {
  readonly #counts: Record<ReloadOutcome, number> = { applied: 0, refused: 0 };
  /** On the wall clock. The start has loaded a configuration as well. */
  #effectiveSinceMs = Date.now();

  counted(outcome: ReloadOutcome): void {
    this.#counts[outcome]++;
    if (outcome === "applied") this.#effectiveSinceMs = Date.now();
  }

  collect(figures: Figures): void {
    for (const [outcome, count] of Object.entries(this.#counts)) {
      figures.set("gatewayd_config_reloads_total", { outcome }, count);
    }
    const since = this.#effectiveSinceMs / MS_PER_S;
    figures.set("gatewayd_config_last_reload_success_timestamp_seconds", {}, since);
  }
}
