/** The metrics of one plugin. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** A value for each label of a metric, and in front of what is measured; nothing for a metric without labels. */
export type MetricLabels<Label extends string> = [Label] extends [never]
  ? []
  : [labels: Readonly<Record<Label, string | number>>];

/** Only ever grows. */
export interface CounterMetric<Label extends string> {
  /** @param args the labels, and by how much; by 1 when left out */
  inc(...args: [...MetricLabels<Label>, amount?: number]): void;
}

/** Goes up and down. */
export interface GaugeMetric<Label extends string> {
  set(...args: [...MetricLabels<Label>, value: number]): void;
}

/** How values are distributed. */
export interface HistogramMetric<Label extends string> {
  observe(...args: [...MetricLabels<Label>, value: number]): void;
}

export interface MetricOptions<Label extends string> {
  /** Begins with a letter; letters, digits and `_`. */
  readonly name: string;
  /** One line for whoever reads the metrics page. */
  readonly help: string;
  /** Names of labels; `plugin` is the gateway's. Default: none. */
  readonly labels?: readonly Label[];
}

export interface HistogramOptions<Label extends string> extends MetricOptions<Label> {
  /** Upper bounds, ascending. Default: from 5 ms to 10 s, in seconds. */
  readonly buckets?: readonly number[];
}

/** Makes metrics; a name can be made once. */
export interface PluginMetrics {
  counter<Label extends string = never>(options: MetricOptions<Label>): CounterMetric<Label>;
  gauge<Label extends string = never>(options: MetricOptions<Label>): GaugeMetric<Label>;
  histogram<Label extends string = never>(options: HistogramOptions<Label>): HistogramMetric<Label>;
}

type Labels = Readonly<Record<string, string | number>>;

/** A registry of one plugin alone. */
export class MetricsRegistry implements PluginMetrics {
  readonly #registry = new Registry();

  counter<Label extends string = never>(options: MetricOptions<Label>): CounterMetric<Label> {
    const counter = new Counter<string>(this.#settings(options));
    return { inc: (...args: readonly unknown[]) => withLabels(args, 1, counter.inc.bind(counter)) };
  }

  gauge<Label extends string = never>(options: MetricOptions<Label>): GaugeMetric<Label> {
    const gauge = new Gauge<string>(this.#settings(options));
    return { set: (...args: readonly unknown[]) => withLabels(args, 0, gauge.set.bind(gauge)) };
  }

  histogram<Label extends string = never>(
    options: HistogramOptions<Label>,
  ): HistogramMetric<Label> {
    const { buckets } = options;
    const histogram = new Histogram<string>({
      ...this.#settings(options),
      ...(buckets !== undefined && { buckets: [...buckets] }),
    });
    return {
      observe: (...args: readonly unknown[]) =>
        withLabels(args, 0, histogram.observe.bind(histogram)),
    };
  }

  /** In Prometheus' text format; undefined while there is no metric. */
  async text(): Promise<string | undefined> {
    const text = await this.#registry.metrics();
    return text.trim() === "" ? undefined : text;
  }

  #settings({ name, help, labels = [] }: MetricOptions<string>) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}

/** Values come with labels in front, or alone: the types above see to it. */
function withLabels(
  args: readonly unknown[],
  defaultValue: number,
  measure: (labels: Labels, value: number) => void,
): void {
  const [first, second] = args as readonly [Labels, number?] | readonly [number?];
  if (typeof first === "object") measure(first, second ?? defaultValue);
  else measure({}, first ?? defaultValue);
}
