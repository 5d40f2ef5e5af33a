/** Throughput, latency and connections over the last minutes, of one block or of all. */
import { element, part, setText } from "./element.ts";
import { count, duration, rate, short } from "./format.ts";
import { nameOf } from "./history.ts";
import type { BlockName, History } from "./history.ts";
import { LineChart } from "./line-chart.ts";

const MINUTE_MS = 60_000;
const S_PER_MS = 1 / 1_000;

export class ChartsPanel {
  readonly #history: History;
  readonly #choice = part("chart-block", HTMLSelectElement);
  readonly #range = part("chart-range", HTMLFieldSetElement);
  readonly #note = part("chart-note", HTMLElement);
  readonly #throughput = new LineChart("throughput", {
    title: "Throughput",
    format: (value) => `${rate(value)}/s`,
    formatTick: short,
  });
  readonly #latency = new LineChart("latency", {
    title: "Latency",
    format: duration,
    formatTick: duration,
  });
  readonly #connections = new LineChart("connections", {
    title: "Server connections",
    format: count,
    formatTick: short,
  });

  constructor(history: History) {
    this.#history = history;
    const charts = [this.#throughput, this.#latency, this.#connections];
    part("charts", HTMLElement).append(...charts.map((chart) => chart.element));
    this.#choice.addEventListener("change", () => this.show());
    this.#range.addEventListener("change", () => this.show());
  }

  show(): void {
    this.#offerBlocks();
    const history = this.#history;
    const toMs = history.latestMs;
    const fromMs = toMs - this.#minutes() * MINUTE_MS;
    const only = history.blocks.find((block) => nameOf(block) === this.#choice.value);
    const moments = history.moments(only, fromMs);
    const common = { momentsMs: moments.map(({ ms }) => ms), fromMs, toMs };
    const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms * S_PER_MS);
    this.#throughput.show({
      ...common,
      series: [
        { name: "transactions", values: moments.map((one) => one.transactionsPerSecond) },
        { name: "units", values: moments.map((one) => one.unitsPerSecond) },
        { name: "errors", values: moments.map((one) => one.errorsPerSecond) },
      ],
    });
    this.#latency.show({
      ...common,
      series: [
        { name: "p50", values: moments.map(({ latencyMs }) => seconds(latencyMs?.p50)) },
        { name: "p95", values: moments.map(({ latencyMs }) => seconds(latencyMs?.p95)) },
        { name: "p99", values: moments.map(({ latencyMs }) => seconds(latencyMs?.p99)) },
      ],
    });
    this.#connections.show({
      ...common,
      series: [
        { name: "in use", values: moments.map(({ leased }) => leased) },
        { name: "clients", values: moments.map(({ clients }) => clients) },
        { name: "waiting", values: moments.map(({ waiting }) => waiting) },
      ],
    });
    setText(this.#note, this.#noteFor(only, moments.length));
  }

  #noteFor(only: BlockName | undefined, moments: number): string {
    const { blocks, stepMs } = this.#history;
    if (blocks.length === 0) {
      return "No figures yet: they come with the first client, where metrics are on (metrics.<group>.enabled).";
    }
    if (moments === 0) return `The first figures come after ${duration(stepMs * S_PER_MS)}.`;
    if (only === undefined && blocks.length > 1) {
      return "Latency is that of the slowest block at each moment.";
    }
    return "";
  }

  #minutes(): number {
    const chosen = this.#range.querySelector<HTMLInputElement>("input:checked");
    return Number(chosen?.value ?? 5);
  }

  /** Touches the list only when the blocks are others: it may be open. */
  #offerBlocks(): void {
    const names = this.#history.blocks.map(nameOf);
    const offered = [...this.#choice.options].slice(1).map(({ value }) => value);
    if (names.join("\n") === offered.join("\n")) return;
    const chosen = this.#choice.value;
    const all = element("option", { value: "" }, "All blocks");
    const each = names.map((name) => element("option", { value: name }, name));
    this.#choice.replaceChildren(all, ...each);
    this.#choice.value = names.includes(chosen) ? chosen : "";
  }
}
