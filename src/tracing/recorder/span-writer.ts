/** Makes spans of the library out of recorded ones, for its exporter. */
import type {
  Attributes as LibraryAttributes,
  Tracer as LibraryTracer,
  SpanContext,
} from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { IdGenerator, ReadableSpan } from "@opentelemetry/sdk-trace";
import { AlwaysOnSampler, TracerProvider, api } from "./opentelemetry.ts";
import type { Attributes, TraceContext } from "../index.ts";
import type { RecordedSpan } from "./recorded-span.ts";

const KINDS = {
  internal: api.SpanKind.INTERNAL,
  server: api.SpanKind.SERVER,
  client: api.SpanKind.CLIENT,
} as const;

export class SpanWriter {
  readonly #ids = new GivenIds();
  readonly #tracer: LibraryTracer;
  /** Since {@link write} was called. */
  readonly #written: ReadableSpan[] = [];

  constructor(resource: Resource, version: string) {
    const provider = new TracerProvider({
      resource,
      // What is recorded has been decided.
      sampler: new AlwaysOnSampler(),
      idGenerator: this.#ids,
      spanProcessors: [
        {
          onStart() {},
          onEnd: (span) => void this.#written.push(span),
          forceFlush: () => Promise.resolve(),
          shutdown: () => Promise.resolve(),
        },
      ],
    });
    this.#tracer = provider.getTracer("gatewayd", version);
  }

  /** @returns the library's, which are over as well */
  write(all: readonly RecordedSpan[]): readonly ReadableSpan[] {
    for (const recorded of all) this.#write(recorded);
    return this.#written.splice(0);
  }

  #write(recorded: RecordedSpan): void {
    recorded.complete();
    const { parent, link, kind } = recorded;
    this.#ids.next = recorded.context;
    const context =
      parent === undefined
        ? api.ROOT_CONTEXT
        : api.trace.setSpanContext(api.ROOT_CONTEXT, contextOf(parent));
    const span = this.#tracer.startSpan(
      recorded.name,
      {
        ...(kind !== undefined && { kind: KINDS[kind] }),
        ...(link !== undefined && { links: [{ context: contextOf(link) }] }),
        startTime: hrTimeOf(recorded.startedAtMs),
        attributes: attributesOf(recorded.attributes),
      },
      context,
    );
    for (const { name, attributes, atMs } of recorded.events) {
      span.addEvent(name, attributesOf([attributes]), hrTimeOf(atMs));
    }
    if (recorded.failure !== undefined) {
      span.setStatus({ code: api.SpanStatusCode.ERROR, message: recorded.failure });
    }
    span.end(hrTimeOf(recorded.endedAtMs));
  }
}

/** The span has its ids already: others may have been told of them. */
class GivenIds implements IdGenerator {
  next: Pick<TraceContext, "traceId" | "spanId"> = { traceId: "", spanId: "" };

  generateTraceId(): string {
    return this.next.traceId;
  }

  generateSpanId(): string {
    return this.next.spanId;
  }
}

function contextOf({ traceId, spanId, isSampled, traceState }: TraceContext): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? api.TraceFlags.SAMPLED : api.TraceFlags.NONE,
    ...(traceState !== undefined && { traceState: api.createTraceState(traceState) }),
  };
}

function attributesOf(all: readonly Attributes[]): LibraryAttributes {
  const given: LibraryAttributes = {};
  for (const attributes of all) {
    for (const name in attributes) {
      const value = attributes[name];
      if (value === undefined) continue;
      given[name] = typeof value === "object" ? [...value] : value;
    }
  }
  return given;
}

/** Seconds and nanoseconds: a plain number of milliseconds is taken for one of two clocks. */
function hrTimeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
