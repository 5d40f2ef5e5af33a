/**
 * Spans that a collector refuses out of a batch whose rest it takes (`partial_success` of OTLP). The exporter
 * calls such an export a success and says the rest to its diagnostic logger alone, in the moment before
 * (otlp-exporter-base 0.301.0; this can go when results have it).
 */
import { api } from "./opentelemetry.ts";

/** What was refused, and why. */
export interface Refusal {
  readonly count: number;
  readonly reason: string;
}

let latest: Refusal | undefined;

/** From now on the exporter's words are heard. */
export function hearOfRefusals(): void {
  const ignore = (): void => {};
  const warn = (_message: string, ...details: unknown[]): void => {
    latest = refusalIn(details.at(-1)) ?? latest;
  };
  api.diag.setLogger(
    { verbose: ignore, debug: ignore, info: ignore, warn, error: ignore },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** Of the export that has just ended; undefined when all of it was taken. */
export function takeRefusal(): Refusal | undefined {
  const refusal = latest;
  latest = undefined;
  return refusal;
}

/** @param said `{"rejectedSpans":"3","errorMessage":"..."}`, or anything else; a message alone is a hint */
function refusalIn(said: unknown): Refusal | undefined {
  if (typeof said !== "string" || !said.startsWith("{")) return undefined;
  const { rejectedSpans, errorMessage }: Record<string, unknown> = JSON.parse(said);
  const count = Number(rejectedSpans);
  if (!(count > 0)) return undefined;
  const reason = typeof errorMessage === "string" ? errorMessage : "";
  return { count, reason };
}
