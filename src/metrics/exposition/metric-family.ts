/** What a metrics page is made of. Texts are as they are written there: escaped. */

export type MetricType = "counter" | "gauge" | "histogram" | "summary" | "untyped";

/** One value of a family. */
export interface MetricSample {
  /** The family's name, or that with `_sum`, `_count` or `_bucket`. */
  readonly name: string;
  readonly labels: readonly (readonly [name: string, escapedValue: string])[];
  /** The value and, if there is one, the time, as they are written. */
  readonly value: string;
  /** A trace that it came of; in OpenMetrics alone. */
  readonly exemplar?: Exemplar | undefined;
}

/** One of the observations that a bucket counts. */
export interface Exemplar {
  readonly traceId: string;
  /** As the bucket's bound: in seconds. */
  readonly value: number;
  /** Unix time in seconds. */
  readonly at: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string | undefined;
  readonly type: MetricType;
  readonly samples: readonly MetricSample[];
}
