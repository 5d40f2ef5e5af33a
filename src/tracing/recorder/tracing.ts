/** Tracing that is on: what is begun here is recorded, and ends up at the collector. */
import { setImmediate as othersTurn } from "node:timers/promises";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import {
  ExportResultCode,
  OTLPTraceExporter,
  RandomIdGenerator,
  createEmptyMetadata,
  createInsecureCredentials,
  createSslCredentials,
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "./opentelemetry.ts";
import { collectorUrl } from "./collector-url.ts";
import { RecordedSpan } from "./recorded-span.ts";
import type { Recording } from "./recorded-span.ts";
import { hearOfRefusals, takeRefusal } from "./refused-spans.ts";
import type { Refusal } from "./refused-spans.ts";
import { spanTimeMs } from "./span-clock.ts";
import { SpanQueue } from "./span-queue.ts";
import { readableSpan } from "./readable-span.ts";
import type { SpanOrigin } from "./readable-span.ts";
import type { Span, SpanOptions, TraceContext, Tracer, TracingCounts } from "../index.ts";
import type { CollectorOptions, TracingOptions } from "./tracing-options.ts";

/** As OpenTelemetry's specification has them, unless the environment says otherwise. */
const MAX_QUEUED = 2_048;
const MAX_BATCH = 512;
const DELAY_MS = 5_000;
const EXPORT_TIMEOUT_MS = 10_000;
const PAUSE_MS = 1_000;

/** To make one takes some microseconds: after so many it is others' turn. */
const MADE_AT_ONCE = 64;

/** What a gateway that stops waits for a collector. */
const CLOSE_MS = 1_000;

export class Tracing implements Tracer {
  readonly #queue: SpanQueue<RecordedSpan>;
  readonly #origin: SpanOrigin;
  readonly #recording: Recording;
  readonly #env: TracingOptions["env"];
  #exporter: SpanExporter | undefined;
  #ratio = 1;

  constructor({ version, env, onFailing, onRecovered }: TracingOptions) {
    this.#env = env;
    hearOfRefusals();
    const maxQueued = positive(env["OTEL_BSP_MAX_QUEUE_SIZE"], MAX_QUEUED);
    const maxBatch = Math.min(
      positive(env["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], MAX_BATCH),
      maxQueued,
    );
    const delayMs = positive(env["OTEL_BSP_SCHEDULE_DELAY"], DELAY_MS);
    this.#queue = new SpanQueue({
      maxQueued,
      maxBatch,
      delayMs,
      pauseMs: PAUSE_MS,
      onFailing,
      onRecovered,
    });
    const resource = defaultResource()
      .merge(resourceFromAttributes({ "service.name": "gatewayd", "service.version": version }))
      .merge(detectResources({ detectors: [envDetector] }));
    this.#origin = { resource, instrumentationScope: { name: "gatewayd", version } };
    const ids = new RandomIdGenerator();
    this.#recording = {
      newTraceId: () => ids.generateTraceId(),
      newSpanId: () => ids.generateSpanId(),
      nowMs: spanTimeMs,
      ended: (span) => this.#queue.push(span),
    };
  }

  get counts(): TracingCounts {
    return this.#queue.counts;
  }

  /** From now on, until the next call; what has been recorded so far goes there too. */
  sendTo(collector: CollectorOptions): void {
    this.#ratio = collector.ratio;
    const former = this.#exporter;
    const exporter = exporterFor(collector, this.#env);
    this.#exporter = exporter;
    this.#queue.open((batch) => this.#send(batch));
    // When it has done what is under way.
    void former?.shutdown();
  }

  records(parent: TraceContext | undefined): boolean {
    return parent === undefined ? Math.random() < this.#ratio : parent.isSampled;
  }

  record(name: string, parent: TraceContext | undefined, options: SpanOptions): Span {
    return new RecordedSpan(this.#recording, name, parent, options);
  }

  begin(name: string, parent?: TraceContext, options: SpanOptions = {}): Span | undefined {
    return this.records(parent) ? this.record(name, parent, options) : undefined;
  }

  /** Sends what is left, as far as that is possible in a short time. */
  async close(): Promise<void> {
    await this.#queue.close(CLOSE_MS);
    const exporter = this.#exporter;
    this.#exporter = undefined;
    // It waits for exports that are under way, which may take longer than anybody wants to.
    void exporter?.shutdown();
  }

  async #send(batch: readonly RecordedSpan[]): Promise<Refusal | undefined> {
    const spans: ReadableSpan[] = [];
    for (let from = 0; from < batch.length; from += MADE_AT_ONCE) {
      if (from > 0) await othersTurn();
      for (const span of batch.slice(from, from + MADE_AT_ONCE)) {
        spans.push(readableSpan(span, this.#origin));
      }
    }
    // There may be another one by now; the one that there was takes nothing any more.
    const exporter = this.#exporter;
    if (exporter === undefined) throw new Error("the gateway has stopped");
    return await exported(exporter, spans);
  }
}

function exporterFor(collector: CollectorOptions, env: TracingOptions["env"]): SpanExporter {
  const { url, headers, isEncrypted, ca, pair } = collector;
  const metadata = createEmptyMetadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const address = collectorUrl(url, isEncrypted);
  const timeout = env["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"] ?? env["OTEL_EXPORTER_OTLP_TIMEOUT"];
  return new OTLPTraceExporter({
    url: address,
    metadata,
    // The library reads those variables by itself, but only where nothing else is said.
    ...(timeout === undefined && { timeoutMillis: EXPORT_TIMEOUT_MS }),
    ...((ca !== undefined || pair !== undefined) && {
      credentials: createSslCredentials(bytesOf(ca), bytesOf(pair?.key), bytesOf(pair?.cert)),
    }),
    // The library encrypts to whatever does not begin with http://.
    ...(address.startsWith("unix:") &&
      !isEncrypted && { credentials: createInsecureCredentials() }),
  });
}

function bytesOf(pem: string | undefined): Buffer | undefined {
  return pem === undefined ? undefined : Buffer.from(pem);
}

function exported(exporter: SpanExporter, spans: ReadableSpan[]): Promise<Refusal | undefined> {
  return new Promise((resolve, reject) => {
    exporter.export(spans, ({ code, error }) => {
      if (code === ExportResultCode.SUCCESS) resolve(takeRefusal());
      else reject(error ?? new Error("the collector has not taken the spans"));
    });
  });
}

function positive(text: string | undefined, fallback: number): number {
  const value = Number(text ?? "");
  return Number.isSafeInteger(value) && value > 0 ? value : fallback;
}
