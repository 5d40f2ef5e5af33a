/** Between the hooks of the gateway and the handlers that plugins write. */
import { SIGNALS_KEY, terminate } from "../hooks/index.ts";
import type { HandlerAnswer, HookHandler, HookName, HookPayload } from "../hooks/index.ts";
import type { HandlerResult, PluginHandlers } from "./define-plugin.ts";
import { GatewayEvent } from "./events.ts";
import { TrafficFromClientEvent } from "./request-event.ts";
import { TrafficFromServerEvent } from "./response-event.ts";
import type { Session } from "./session.ts";
import { Signal } from "./signals.ts";
import type { TraceContext } from "../tracing/index.ts";
import { TrafficEvent } from "./traffic-event.ts";

/** What a written handler is called with, whichever hook it is of. */
type AnyEvent = GatewayEvent<object> | TrafficEvent;
type AnyHandler = (event: AnyEvent) => HandlerResult | PromiseLike<HandlerResult>;

/** The handler as the gateway calls it: at once when the plugin's own answers at once. */
export function handlerOf(hook: HookName, handlers: PluginHandlers): HookHandler {
  // Each handler is of the event that its own hook makes here.
  const name = `o${hook.slice(1)}` as keyof PluginHandlers;
  const handler = handlers[name]?.bind(handlers) as AnyHandler | undefined;
  if (handler === undefined) throw new TypeError(`no handler of ${hook}`);
  const eventOf = eventMaker(hook);
  return (payload, session, _leftMs, trace) => {
    const event = eventOf(payload, session, trace);
    const result = handler(event);
    if (result === undefined || result === null) return answerOf(event, undefined);
    if (isPending(result)) return result.then((late) => answerOf(event, late));
    return answerOf(event, result);
  };
}

function eventMaker(
  hook: HookName,
): (
  payload: HookPayload,
  session: Session | undefined,
  trace: TraceContext | undefined,
) => AnyEvent {
  switch (hook) {
    case "OnTrafficFromClient":
    case "OnTrafficToServer":
      return (payload, session, trace) => new TrafficFromClientEvent(hook, payload, session, trace);
    case "OnTrafficFromServer":
    case "OnTrafficToClient":
      return (payload, session, trace) => new TrafficFromServerEvent(hook, payload, session, trace);
    default:
      return (payload, session, trace) => new GatewayEvent(hook, payload, session, trace);
  }
}

function answerOf(event: AnyEvent, result: HandlerResult): HandlerAnswer {
  const decision = event.decision;
  if (decision === undefined && (result === undefined || result === null)) return undefined;
  const given = signalsIn(result);
  const signals = given.filter(({ name }) => name !== "passthrough");
  const wish = signals.findLast(({ name }) => name === "terminate");
  const response = responseTo(event, wish) ?? decision?.response;
  if (wish === undefined && response === undefined) {
    // By itself it says something where the default policy ends what nobody lets pass.
    const all = signals.length === 0 ? given : signals;
    return all.length === 0
      ? decision?.changes
      : { ...decision?.changes, [SIGNALS_KEY]: all.map(onWire) };
  }
  if (signals.length === (wish === undefined ? 0 : 1)) {
    return terminate(response === undefined ? {} : { response });
  }
  const all =
    wish === undefined ? [...signals, new Signal("terminate", { terminate: true })] : signals;
  return { ...(response !== undefined && { response }), [SIGNALS_KEY]: all.map(onWire) };
}

/** Types are not checked when a plugin is loaded: it may have answered anything. */
function signalsIn(result: HandlerResult): readonly Signal[] {
  if (result === undefined || result === null) return [];
  const signals: readonly unknown[] = Array.isArray(result) ? result : [result];
  if (signals.every(isSignal)) return signals;
  throw new TypeError("a handler answers nothing, a signal or a list of signals");
}

function isSignal(value: unknown): value is Signal {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    "metadata" in value
  );
}

function responseTo(event: AnyEvent, wish: Signal | undefined): Uint8Array | undefined {
  const response = wish?.response;
  if (response === undefined || response instanceof Uint8Array) return response;
  if (event instanceof TrafficEvent) return event.answerWith(response);
  throw new TypeError(`${event.hook} is no request that could be answered`);
}

function onWire({ name, metadata }: Signal): HookPayload {
  return { name, metadata };
}

function isPending(
  result: Exclude<HandlerResult, null | undefined | void> | PromiseLike<HandlerResult>,
): result is PromiseLike<HandlerResult> {
  return typeof result === "object" && "then" in result;
}
