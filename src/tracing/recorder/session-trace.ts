/**
 * What is recorded of one session. Its connection is a trace, or a part of the one that its client names at the
 * startup; each unit is a part of the trace that its client names in a comment, or else at the startup, and without
 * either a trace of its own, so that a connection of days makes no trace of days.
 */
import type { ErrorCode } from "../../errors.ts";
import type { WatchedClient, WatchedSession, WatchedUnit } from "../../watch/index.ts";
import { requestContext } from "./request-context.ts";
import { addressAttributes } from "./span-attributes.ts";
import { parseTraceParent } from "../index.ts";
import type { Span, TraceContext, Tracer } from "../index.ts";

/** What sessions are traced with. */
export interface SessionTracing {
  readonly tracer: Tracer;
  /** Milliseconds since the epoch, with fractions. */
  readonly nowMs: () => number;
  readonly group: string;
}

/** A unit, or what is going to be one: handlers are still asked about it. */
export interface UnitTrace {
  /** Undefined: it is not recorded. */
  readonly span: Span | undefined;
  /** What others are told of it: of the span, or, without one, as the client has it. */
  readonly context: TraceContext | undefined;
}

/** A call, or a wait, before it was known what trace the connection belongs to. */
export interface EarlyStep {
  readonly name: string;
  readonly plugin?: string;
  readonly beganMs: number;
  endedMs: number;
  failure: string | undefined;
}

const UNTRACED: UnitTrace = { span: undefined, context: undefined };

/** Of connections that take their time: what comes before the startup is not kept for ever. */
const MAX_EARLY_STEPS = 32;
/** Of requests that handlers have been asked about, and that have not become units. */
const MAX_ANNOUNCED = 1_000;

export class SessionTrace {
  readonly #tracing: SessionTracing;
  readonly #session: WatchedSession;
  readonly #client: WatchedClient;
  readonly #openedMs: number;
  #early: EarlyStep[] | undefined = [];
  /** Undefined while it is not known what it is a part of, and if it is not recorded. */
  #connection: Span | undefined;
  /** What the client has said at the startup. */
  #startup: TraceContext | undefined;
  /** That handlers have been asked about, in their order. */
  readonly #announced: UnitTrace[] = [];
  /** The last of them has an end: what comes next is another one. */
  #isAnnouncedWhole = true;
  #unit: UnitTrace | undefined;
  #unitBeganMs = 0;
  /** Some are told of a unit when it has ended. */
  #lastUnit: UnitTrace = UNTRACED;

  constructor(tracing: SessionTracing, session: WatchedSession, client: WatchedClient) {
    this.#tracing = tracing;
    this.#session = session;
    this.#client = client;
    this.#openedMs = tracing.nowMs();
  }

  /** Where what belongs to no unit belongs. */
  get base(): TraceContext | undefined {
    return this.#connection?.context ?? this.#startup;
  }

  /** For the log: of the unit that is under way, or else of the connection. */
  get traceId(): string | undefined {
    return (this.#unit === undefined ? this.base : this.#unit.context)?.traceId;
  }

  /** What a handler of a hook is called for. */
  contextOf(hook: string): TraceContext | undefined {
    if (!hook.startsWith("OnTraffic") || hook === "OnTraffic") return this.base;
    const isOfRequest = hook === "OnTrafficFromClient" || hook === "OnTrafficToServer";
    const newest = isOfRequest ? this.#announced.at(-1) : undefined;
    return (newest ?? this.#unit ?? this.#lastUnit).context ?? this.base;
  }

  /** Something happens; kept until it is known where it belongs. Undefined: that is known, or there is too much. */
  early(name: string, plugin?: string): EarlyStep | undefined {
    this.#decide();
    if (this.#early === undefined || this.#early.length >= MAX_EARLY_STEPS) return undefined;
    const beganMs = this.#tracing.nowMs();
    const step = { name, beganMs, endedMs: beganMs, failure: undefined };
    const kept: EarlyStep = plugin === undefined ? step : { ...step, plugin };
    this.#early.push(kept);
    return kept;
  }

  loggedIn(tookMs: number): void {
    this.#decide();
    const { user, database, applicationName, block } = this.#session;
    this.#connection?.setAttributes({
      "db.system.name": "postgresql",
      "db.namespace": database,
      "user.name": user,
      "gatewayd.application_name": applicationName,
      "gatewayd.block": block,
    });
    const nowMs = this.#tracing.nowMs();
    this.#connection?.child("login", { startedAtMs: nowMs - tookMs }).end(nowMs);
  }

  waited(waitedMs: number, failure: ErrorCode | undefined): void {
    if (waitedMs === 0 && failure === undefined) return;
    const nowMs = this.#tracing.nowMs();
    const startedAtMs = nowMs - waitedMs;
    const attributes = { "gatewayd.block": this.#session.block };
    const parent = this.#unit?.span ?? (this.#unit === undefined ? this.#connection : undefined);
    const wait = parent?.child("wait for a backend", { startedAtMs, attributes });
    if (failure !== undefined) wait?.fail(failure);
    wait?.end(nowMs);
    if (this.#early === undefined) return;
    const step = this.early("wait for a backend");
    if (step !== undefined) Object.assign(step, { beganMs: startedAtMs, endedMs: nowMs, failure });
  }

  event(name: string, attributes: Readonly<Record<string, string>>): void {
    (this.#unit?.span ?? this.#connection)?.addEvent(name, attributes);
  }

  /** The connection has not done what it was to. */
  fail(code: string): void {
    this.#decide(true);
    this.#connection?.setAttributes({ "error.type": code });
    this.#connection?.fail(code);
  }

  closed(): void {
    if (this.#early !== undefined) return;
    for (const unit of this.#announced.splice(0)) {
      unit.span?.fail("cut off");
      unit.span?.end(this.#tracing.nowMs());
    }
    const { applicationName } = this.#session;
    this.#connection?.setAttributes({ "gatewayd.application_name": applicationName });
    this.#connection?.end(this.#tracing.nowMs());
  }

  /** Handlers are about to be asked about something that the client sends. */
  announce(request: Uint8Array): void {
    if (!isOfUnit(request) || this.#announced.length >= MAX_ANNOUNCED) return;
    const isContinued = !this.#isAnnouncedWhole;
    this.#isAnnouncedWhole = endsUnit(request);
    if (!isContinued) this.#announced.push(this.#begin(request));
  }

  /** A handler has ended what the client has asked for, or the answer to it. */
  terminated(): void {
    const unit = this.#announced.pop();
    if (unit === undefined) {
      this.event("terminated", {});
      return;
    }
    this.#isAnnouncedWhole = true;
    unit.span?.fail("terminated by a plugin");
    unit.span?.end(this.#tracing.nowMs());
    this.#lastUnit = unit;
  }

  unitBegan({ request }: WatchedUnit): UnitTrace {
    const announced = this.#announced.length === 0 ? undefined : this.#announced.shift();
    const unit = announced ?? this.#begin(request);
    this.#unit = unit;
    if (unit.span !== undefined) this.#unitBeganMs = this.#tracing.nowMs();
    return unit;
  }

  /** @returns the span of the unit that has ended: the caller ends it, as late as {@link endOf} says */
  unitEnded(): Span | undefined {
    const unit = this.#unit ?? UNTRACED;
    this.#unit = undefined;
    this.#lastUnit = unit;
    return unit.span;
  }

  /** When a unit that was recorded has ended: whoever heard of it before may have taken his time since. */
  endOf(tookMs: number): number {
    return this.#unitBeganMs + tookMs;
  }

  /** With the StartupMessage it is known what the connection is a part of; `isLate` when there will be none. */
  #decide(isLate = false): void {
    const early = this.#early;
    const session = this.#session;
    if (early === undefined || (session.user === undefined && !isLate)) return;
    this.#early = undefined;
    const { traceparent, tracestate } = session.startupTrace ?? {};
    if (traceparent !== undefined) this.#startup = parseTraceParent(traceparent, tracestate);
    const { tracer, group } = this.#tracing;
    this.#connection = tracer.begin("connection", this.#startup, {
      kind: "server",
      startedAtMs: this.#openedMs,
      attributes: {
        "gatewayd.group": group,
        "gatewayd.connection.id": session.id,
        ...addressAttributes("client", this.#client.remoteAddress),
      },
    });
    for (const { name, plugin, beganMs, endedMs, failure } of early) {
      const attributes = { "gatewayd.plugin.name": plugin };
      const step = this.#connection?.child(name, { startedAtMs: beganMs, attributes });
      if (failure !== undefined) step?.fail(failure);
      step?.end(endedMs);
    }
  }

  #begin(request: Uint8Array | undefined): UnitTrace {
    const named = request === undefined ? undefined : requestContext(request);
    const parent = named ?? (this.#startup === undefined ? undefined : this.base);
    const { tracer, nowMs } = this.#tracing;
    if (!tracer.records(parent)) {
      return parent === undefined ? UNTRACED : { span: undefined, context: parent };
    }
    const link = parent === this.#connection?.context ? undefined : this.#connection?.context;
    const span = tracer.record("query", parent, { kind: "client", link, startedAtMs: nowMs() });
    return { span, context: span.context };
  }
}

const WHOLE: ReadonlySet<number> = new Set(Buffer.from("QF"));
const BEGINS: ReadonlySet<number> = new Set(Buffer.from("QFPBDECS"));
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);

/** Logins, COPY data and the end of the session are none of a unit. */
function isOfUnit(request: Uint8Array): boolean {
  return BEGINS.has(request[0] ?? 0);
}

function endsUnit(request: Uint8Array): boolean {
  return WHOLE.has(request[0] ?? 0) || SYNC.equals(request.subarray(-SYNC.length));
}
