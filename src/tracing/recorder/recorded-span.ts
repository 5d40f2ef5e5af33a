/** A span as the library records it. */
import type {
  Attributes as LibraryAttributes,
  Span as LibrarySpan,
  SpanOptions as LibraryOptions,
  Tracer as LibraryTracer,
} from "@opentelemetry/api";
import { api } from "./opentelemetry.ts";
import type { Attributes, Span, SpanOptions, TraceContext } from "../index.ts";

const KINDS = {
  internal: api.SpanKind.INTERNAL,
  server: api.SpanKind.SERVER,
  client: api.SpanKind.CLIENT,
} as const;

export class RecordedSpan implements Span {
  readonly context: TraceContext;
  readonly #tracer: LibraryTracer;
  readonly #span: LibrarySpan;
  #hasEnded = false;

  /** @param parent undefined: it begins a trace */
  constructor(
    tracer: LibraryTracer,
    name: string,
    parent: TraceContext | undefined,
    options: SpanOptions,
  ) {
    this.#tracer = tracer;
    const context =
      parent === undefined
        ? api.ROOT_CONTEXT
        : api.trace.setSpanContext(api.ROOT_CONTEXT, contextOf(parent));
    this.#span = tracer.startSpan(name, optionsOf(options), context);
    const { traceId, spanId } = this.#span.spanContext();
    this.context = { traceId, spanId, isSampled: true, traceState: parent?.traceState };
  }

  child(name: string, options: SpanOptions = {}): Span {
    return new RecordedSpan(this.#tracer, name, this.context, options);
  }

  setAttributes(attributes: Attributes): void {
    if (!this.#hasEnded) this.#span.setAttributes(attributesOf(attributes));
  }

  addEvent(name: string, attributes: Attributes = {}): void {
    if (!this.#hasEnded) this.#span.addEvent(name, attributesOf(attributes));
  }

  rename(name: string): void {
    if (!this.#hasEnded) this.#span.updateName(name);
  }

  fail(description: string): void {
    if (this.#hasEnded) return;
    this.#span.setStatus({ code: api.SpanStatusCode.ERROR, message: description });
  }

  end(endedAtMs?: number): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (endedAtMs === undefined) this.#span.end();
    else this.#span.end(hrTimeOf(endedAtMs));
  }
}

function optionsOf({ kind, attributes, startedAtMs, link }: SpanOptions): LibraryOptions {
  return {
    ...(kind !== undefined && { kind: KINDS[kind] }),
    ...(attributes !== undefined && { attributes: attributesOf(attributes) }),
    ...(startedAtMs !== undefined && { startTime: hrTimeOf(startedAtMs) }),
    ...(link !== undefined && { links: [{ context: contextOf(link) }] }),
  };
}

function contextOf({ traceId, spanId, isSampled, traceState }: TraceContext) {
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? api.TraceFlags.SAMPLED : api.TraceFlags.NONE,
    ...(traceState !== undefined && { traceState: api.createTraceState(traceState) }),
  };
}

function attributesOf(attributes: Attributes): LibraryAttributes {
  const given: LibraryAttributes = {};
  for (const name in attributes) {
    const value = attributes[name];
    if (value === undefined) continue;
    given[name] = typeof value === "object" ? [...value] : value;
  }
  return given;
}

/** Seconds and nanoseconds: a plain number of milliseconds is taken for one of two clocks. */
function hrTimeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
