import type { Attributes, Span, TraceContext } from "../tracing/index.ts";

/** The steps of a boot and of a stop as spans, one inside the other. Without tracing a step is only what it does. */
export class BootTrace {
  readonly #span: Span | undefined;

  /** @param span that the steps are parts of; undefined without tracing */
  constructor(span?: Span) {
    this.#span = span;
  }

  /** Where the calls of plugins belong that are made here. */
  get context(): TraceContext | undefined {
    return this.#span?.context;
  }

  /** Does it. What it rejects with is told by the span, too. */
  async step<T>(
    name: string,
    work: (inner: BootTrace) => T | Promise<T>,
    attributes: Attributes = {},
  ): Promise<T> {
    const span = this.#span?.child(name, { attributes });
    if (span === undefined) return await work(this);
    try {
      return await work(new BootTrace(span));
    } catch (thrown) {
      span.fail(thrown instanceof Error ? thrown.message : String(thrown));
      throw thrown;
    } finally {
      span.end();
    }
  }

  /** The same for what takes no waiting. */
  readonly stepAtOnce = <T>(name: string, work: () => T): T => {
    const span = this.#span?.child(name);
    try {
      return work();
    } finally {
      span?.end();
    }
  };

  /** Something that happened within this step. */
  event(name: string, attributes: Attributes): void {
    this.#span?.addEvent(name, attributes);
  }

  /** The step as a whole has failed. */
  fail(description: string): void {
    this.#span?.fail(description);
  }

  end(): void {
    this.#span?.end();
  }
}
