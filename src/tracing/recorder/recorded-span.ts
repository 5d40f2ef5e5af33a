/**
 * A span until it is exported: what has been told of it, and nothing else. The library makes its own of it then, of many
 * at a time (readable-span.ts). Amid traffic, where one unit in a hundred may be recorded, its code would never be
 * compiled well, and took 200 us for what takes 5 where it is.
 */
import type { Attributes, Span, SpanOptions, TraceContext } from "../index.ts";

/** What all spans of a gateway are recorded with. */
export interface Recording {
  newTraceId(): string;
  newSpanId(): string;
  /** Milliseconds since the epoch, with fractions. */
  nowMs(): number;
  /** It is over, and to be exported. */
  ended(span: RecordedSpan): void;
}

export interface RecordedEvent {
  readonly name: string;
  readonly attributes: Attributes;
  readonly atMs: number;
}

export class RecordedSpan implements Span {
  readonly context: TraceContext;
  readonly parent: TraceContext | undefined;
  readonly kind: SpanOptions["kind"];
  readonly link: TraceContext | undefined;
  readonly startedAtMs: number;
  /** Later ones count where a name is in several. */
  readonly attributes: Attributes[] = [];
  readonly events: RecordedEvent[] = [];
  readonly #recording: Recording;
  #name: string;
  #failure: string | undefined;
  #endedAtMs: number | undefined;
  #later: ((span: Span) => void) | undefined;
  #isOver = false;

  /** @param parent undefined: it begins a trace */
  constructor(
    recording: Recording,
    name: string,
    parent: TraceContext | undefined,
    { kind, attributes, startedAtMs, link }: SpanOptions,
  ) {
    this.#recording = recording;
    this.#name = name;
    this.parent = parent;
    this.kind = kind;
    this.link = link;
    this.startedAtMs = startedAtMs ?? recording.nowMs();
    if (attributes !== undefined) this.attributes.push(attributes);
    this.context = {
      traceId: parent?.traceId ?? recording.newTraceId(),
      spanId: recording.newSpanId(),
      isSampled: true,
      traceState: parent?.traceState,
    };
  }

  get name(): string {
    return this.#name;
  }

  /** Undefined: it did what it was to. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Not before it has begun, whatever was done to the clock meanwhile. */
  get endedAtMs(): number {
    return Math.max(this.#endedAtMs ?? 0, this.startedAtMs);
  }

  child(name: string, options: SpanOptions = {}): Span {
    return new RecordedSpan(this.#recording, name, this.context, options);
  }

  setAttributes(attributes: Attributes): void {
    if (!this.#isOver) this.attributes.push(attributes);
  }

  addEvent(name: string, attributes: Attributes = {}): void {
    if (!this.#isOver) this.events.push({ name, attributes, atMs: this.#recording.nowMs() });
  }

  rename(name: string): void {
    if (!this.#isOver) this.#name = name;
  }

  fail(description: string): void {
    if (!this.#isOver) this.#failure = description;
  }

  later(tell: (span: Span) => void): void {
    if (!this.#isOver) this.#later = tell;
  }

  end(endedAtMs: number = this.#recording.nowMs()): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endedAtMs = endedAtMs;
    this.#recording.ended(this);
  }

  /** Has told what was to be told later: it is about to be exported. */
  complete(): void {
    const tell = this.#later;
    if (tell === undefined) return;
    this.#later = undefined;
    this.#isOver = false;
    tell(this);
    this.#isOver = true;
  }
}
