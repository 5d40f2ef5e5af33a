/** Recorded spans as the library's exporter reads them. */
import type { Attributes as LibraryAttributes, SpanContext } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { api } from "./opentelemetry.ts";
import type { Attributes, TraceContext } from "../index.ts";
import type { RecordedSpan } from "./recorded-span.ts";

/** What all spans of a gateway are of. */
export type SpanOrigin = Pick<ReadableSpan, "instrumentationScope"> & {
  readonly resource: Resource;
};

const KINDS = {
  internal: api.SpanKind.INTERNAL,
  server: api.SpanKind.SERVER,
  client: api.SpanKind.CLIENT,
} as const;

const UNSET = { code: api.SpanStatusCode.UNSET };

/**
 * A span that is over, with all that was to be told of it. The tracer of the library, which makes such spans as well,
 * would do again what has been done: choose ids, decide whether to record, tell processors.
 */
export function readableSpan(recorded: RecordedSpan, origin: SpanOrigin): ReadableSpan {
  recorded.complete();
  const { context, parent, link, startedAtMs, endedAtMs, events, failure } = recorded;
  const spanContext = contextOf(context);
  return {
    name: recorded.name,
    kind: KINDS[recorded.kind ?? "internal"],
    spanContext: () => spanContext,
    ...(parent !== undefined && { parentSpanContext: contextOf(parent) }),
    startTime: hrTimeOf(startedAtMs),
    endTime: hrTimeOf(endedAtMs),
    duration: hrTimeOf(endedAtMs - startedAtMs),
    ended: true,
    status: failure === undefined ? UNSET : { code: api.SpanStatusCode.ERROR, message: failure },
    attributes: attributesOf(recorded.attributes),
    links: link === undefined ? [] : [{ context: contextOf(link) }],
    events: events.map(({ name, attributes, atMs }) => ({
      name,
      attributes: attributesOf([attributes]),
      time: hrTimeOf(atMs),
    })),
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...origin,
  };
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

/** Seconds and nanoseconds. */
function hrTimeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
