/** Spans of sessions and their units, as those tell of themselves. */
import type { ErrorCode } from "../../errors.ts";
import type {
  BlockListener,
  GroupListener,
  WatchedClient,
  WatchedSession,
  WatchedUnit,
} from "../../watch/index.ts";
import { SessionTrace } from "./session-trace.ts";
import type { SessionTracing } from "./session-trace.ts";
import { unitAttributes } from "./span-attributes.ts";
import { spanTimeMs } from "./span-clock.ts";
import { unitFacts } from "./unit-facts.ts";
import type { UnitFacts } from "./unit-facts.ts";
import type { Span, Tracer } from "../index.ts";

export interface TrafficTracesOptions {
  readonly tracer: Tracer;
  /** The text without literals; undefined when it cannot be read. */
  readonly normalize: (sql: string) => string | undefined;
  /** Milliseconds since the epoch, with fractions. */
  readonly nowMs?: () => number;
}

export class TrafficTraces {
  readonly #options: TrafficTracesOptions;
  readonly #sessions = new WeakMap<object, SessionTrace>();

  constructor(options: TrafficTracesOptions) {
    this.#options = options;
  }

  nowMs(): number {
    return (this.#options.nowMs ?? spanTimeMs)();
  }

  /** What is recorded of a session; undefined before it has opened. */
  of(session: object): SessionTrace | undefined {
    return this.#sessions.get(session);
  }

  /** Hears of the sessions of one group. */
  group(name: string): GroupTraces {
    const { tracer, normalize } = this.#options;
    const nowMs = (): number => this.nowMs();
    return new GroupTraces(this.#sessions, { tracer, nowMs, group: name }, normalize);
  }
}

class GroupTraces implements GroupListener {
  readonly #sessions: WeakMap<object, SessionTrace>;
  readonly #tracing: SessionTracing;
  readonly #normalize: TrafficTracesOptions["normalize"];
  readonly #blocks = new Map<string, BlockTraces>();

  constructor(
    sessions: WeakMap<object, SessionTrace>,
    tracing: SessionTracing,
    normalize: TrafficTracesOptions["normalize"],
  ) {
    this.#sessions = sessions;
    this.#tracing = tracing;
    this.#normalize = normalize;
  }

  opened(session: WatchedSession, client: WatchedClient): void {
    this.#sessions.set(session, new SessionTrace(this.#tracing, session, client));
  }

  closed(session: WatchedSession): void {
    this.#sessions.get(session)?.closed();
  }

  refused(session: WatchedSession, code: ErrorCode): void {
    this.#sessions.get(session)?.fail(code);
  }

  ended(session: WatchedSession, code: ErrorCode): void {
    this.#sessions.get(session)?.fail(code);
  }

  terminated(session: WatchedSession): void {
    this.#sessions.get(session)?.terminated();
  }

  block(name: string): BlockTraces {
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const block = new BlockTraces(this.#sessions, this.#tracing.group, this.#normalize);
    this.#blocks.set(name, block);
    return block;
  }
}

class BlockTraces implements BlockListener {
  readonly #sessions: WeakMap<object, SessionTrace>;
  readonly #group: string;
  readonly #normalize: TrafficTracesOptions["normalize"];

  constructor(
    sessions: WeakMap<object, SessionTrace>,
    group: string,
    normalize: TrafficTracesOptions["normalize"],
  ) {
    this.#sessions = sessions;
    this.#group = group;
    this.#normalize = normalize;
  }

  loggedIn(session: WatchedSession, tookMs: number): void {
    this.#sessions.get(session)?.loggedIn(tookMs);
  }

  waited(session: WatchedSession, waitedMs: number, failure: ErrorCode | undefined): void {
    if (waitedMs === 0 && failure === undefined) return;
    this.#sessions.get(session)?.waited(waitedMs, failure);
  }

  pinned(session: WatchedSession, reason: string): void {
    this.#sessions.get(session)?.event("pinned", { "gatewayd.pin_reason": reason });
  }

  unitBegan(unit: WatchedUnit): boolean {
    const span = this.#sessions.get(unit.session)?.unitBegan(unit).span;
    if (span === undefined) return false;
    unit.traceId = span.context.traceId;
    return true;
  }

  unitEnded(unit: WatchedUnit, tookMs: number): void {
    const trace = this.#sessions.get(unit.session);
    const span = trace?.unitEnded();
    if (trace === undefined || span === undefined) return;
    this.#record(span, unit, trace.endOf(tookMs));
  }

  #record(span: Span, unit: WatchedUnit, endedMs: number): void {
    const facts = unitFacts(unit);
    span.later((told) => this.#tell(told, facts));
    if (unit.sqlState !== undefined) span.fail(unit.sqlState);
    else if (unit.transactionStatus === 0) span.fail("cut off");
    span.end(endedMs);
  }

  #tell(span: Span, facts: UnitFacts): void {
    const attributes = unitAttributes(facts, this.#normalize);
    span.setAttributes({ ...attributes, "gatewayd.group": this.#group });
    const operation = attributes["db.operation.name"];
    if (typeof operation === "string") span.rename(operation);
  }
}
