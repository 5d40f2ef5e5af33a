/** Spans of the calls of handlers, and what these are told of the trace that they are called for. */
import type { HookWatch } from "../../watch/index.ts";
import type { EarlyStep } from "./session-trace.ts";
import type { Span, TraceContext, Tracer } from "../index.ts";
import type { TrafficTraces } from "./traffic-traces.ts";

/** As hooks have them, but for their types. */
type Handler<Payload, Of, Answer> = (
  payload: Payload,
  session?: Of,
  leftMs?: number,
  trace?: TraceContext,
) => Answer;

/** One call: its span is begun by the handler's wrapper, which knows the payload, and ended by the chain. */
class HookCall {
  span: Span | undefined;
  early: EarlyStep | undefined;
}

export class HookTraces implements HookWatch {
  readonly #tracer: Tracer;
  readonly #traffic: TrafficTraces;
  /** Of the call that is about to be made. */
  #call: HookCall | undefined;
  /** Its handler is the first of its chain. */
  #isFirst = false;
  /** What events belong to that are of no session: a step of the boot. */
  base: TraceContext | undefined;

  constructor(tracer: Tracer, traffic: TrafficTraces) {
    this.#tracer = tracer;
    this.#traffic = traffic;
  }

  ran(): void {
    this.#isFirst = true;
  }

  began(): HookCall {
    return (this.#call = new HookCall());
  }

  ended(
    _hook: string,
    _handler: string,
    _session: object | undefined,
    begun: unknown,
    hasFailed: boolean,
  ): void {
    if (!(begun instanceof HookCall)) return;
    const { span, early } = begun;
    if (early !== undefined) early.endedMs = this.#traffic.nowMs();
    if (hasFailed && early !== undefined) early.failure = FAILURE;
    if (hasFailed) span?.fail(FAILURE);
    span?.end();
  }

  /** The handler, which is told of its trace. */
  traced<Payload extends Readonly<Record<string, unknown>>, Of extends object, Answer>(
    hook: string,
    plugin: string,
    handler: Handler<Payload, Of, Answer>,
  ): Handler<Payload, Of, Answer> {
    return (payload, session, leftMs) => {
      const call = this.#call;
      const isFirst = this.#isFirst;
      this.#call = undefined;
      this.#isFirst = false;
      const parent = this.#parentOf(hook, payload, session, isFirst);
      const early = session && this.#traffic.of(session)?.early(hook, plugin);
      if (call === undefined || early !== undefined) {
        if (call !== undefined) call.early = early;
        return handler(payload, session, leftMs, parent);
      }
      // Of a session that is not recorded nothing is, and of others what is of no session is by chance.
      if (session === undefined || parent !== undefined) {
        const attributes = { "gatewayd.plugin.name": plugin };
        call.span = this.#tracer.begin(hook, parent, { attributes });
      }
      return handler(payload, session, leftMs, call.span?.context ?? parent);
    };
  }

  #parentOf(
    hook: string,
    payload: Readonly<Record<string, unknown>>,
    session: object | undefined,
    isFirst: boolean,
  ): TraceContext | undefined {
    if (session === undefined) return this.base;
    const trace = this.#traffic.of(session);
    const { request } = payload;
    if (isFirst && hook === "OnTrafficFromClient" && request instanceof Uint8Array) {
      trace?.announce(request);
    }
    return trace?.contextOf(hook);
  }
}

const FAILURE = "the plugin has failed, or not answered in time";
