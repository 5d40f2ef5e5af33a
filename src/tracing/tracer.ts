/** What the rest of the gateway knows of tracing: spans, and where they belong. */

/** The place of a span, as the W3C's Trace Context names it. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all of them 0. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all of them 0. */
  readonly spanId: string;
  /** Whether whoever began the trace records it. */
  readonly isSampled: boolean;
  /** `tracestate`, as it came. */
  readonly traceState?: string | undefined;
}

export type AttributeValue = string | number | boolean | readonly string[];

export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

export interface SpanOptions {
  /** Default `internal`. */
  readonly kind?: "internal" | "server" | "client";
  readonly attributes?: Attributes;
  /** Milliseconds since the epoch, with fractions. Default: now. */
  readonly startedAtMs?: number;
  /** A span of another trace that this one has to do with. */
  readonly link?: TraceContext | undefined;
}

/** Something that takes time, and is recorded. No call throws; after the end none has an effect. */
export interface Span {
  readonly context: TraceContext;
  /** A part of it. */
  child(name: string, options?: SpanOptions): Span;
  /** Those that are undefined are left out. */
  setAttributes(attributes: Attributes): void;
  /** Something that happened at one moment of it. */
  addEvent(name: string, attributes?: Attributes): void;
  /** It is known now what it is. */
  rename(name: string): void;
  /** It did not do what it was to. */
  fail(description: string): void;
  /**
   * Has more to tell of it than there is time for amid traffic: asked once before it is exported, some seconds after its
   * end. What it tells of must not change until then. Of several calls the last counts.
   */
  later(tell: (span: Span) => void): void;
  /** @param endedAtMs milliseconds since the epoch; default: now */
  end(endedAtMs?: number): void;
}

/** Begins traces. There is none where tracing is off. */
export interface Tracer {
  /**
   * A span of the trace that `parent` is in, or of a new one.
   *
   * @returns undefined where it is not recorded, see {@link Tracer.records}
   */
  begin(name: string, parent?: TraceContext, options?: SpanOptions): Span | undefined;
  /**
   * Decides about a span amid traffic, before anything is made for it: whoever began the trace that `parent` is in has
   * decided already, and of new ones it is chance (`tracing.ratio`), anew at each call. For {@link Tracer.record}.
   */
  records(parent: TraceContext | undefined): boolean;
  /** As `begin`, of one that is recorded. */
  record(name: string, parent: TraceContext | undefined, options: SpanOptions): Span;
}

/** What became of the spans that have ended, since the start. */
export interface TracingCounts {
  readonly exported: number;
  /** There was no room for them: the collector was away or too slow. */
  readonly dropped: number;
  /** The collector did not take them, or not in time. */
  readonly failed: number;
  /** Waiting for the next export. */
  readonly queued: number;
}
