/** What handlers are given: one class for the events of the gateway and one for each direction of traffic. */
import type { HookName, SocketEnds } from "../hooks/index.ts";
import { formatTraceParent } from "../tracing/index.ts";
import type { TraceContext } from "../tracing/index.ts";
import type { Decision } from "./decision.ts";
import type { TrafficFromClientEvent } from "./request-event.ts";
import type { TrafficFromServerEvent } from "./response-event.ts";
import type { Session } from "./session.ts";

/** A tree of the configuration, as plugins are told of it; the keys are those of gatewayd.yaml. */
export type ConfigTree = Readonly<Record<string, unknown>>;

/** What the events without traffic say. */
export interface Payloads {
  /** Every key of gatewayd.yaml, dotted. What a handler changes takes effect. */
  readonly OnConfigLoaded: ConfigTree;
  /** `loggers`, by group. */
  readonly OnNewLogger: ConfigTree;
  /** A pool has opened its connections. */
  readonly OnNewPool: { readonly name: string; readonly size: number };
  /** A server connection was opened at boot. Times are text, such as `1m0s`. */
  readonly OnNewClient: {
    readonly id: string;
    readonly name: string;
    readonly group: string;
    readonly network: string;
    readonly address: string;
    readonly localAddress: string;
    readonly remoteAddress: string;
  } & ConfigTree;
  /** `proxies`, by group and block. */
  readonly OnNewProxy: ConfigTree;
  /** `servers`, by group. */
  readonly OnNewServer: ConfigTree;
  /** The gateway was told to stop. */
  readonly OnSignal: { readonly signal: string };
  /** A server is about to listen; a handler may move it. */
  readonly OnRun: { readonly address: string; readonly error?: string };
  readonly OnBooting: { readonly status: string };
  readonly OnBooted: { readonly status: string };
  /** A client was accepted. */
  readonly OnOpening: { readonly client: SocketEnds };
  readonly OnOpened: { readonly client: SocketEnds };
  readonly OnClosing: { readonly client: SocketEnds; readonly error: string };
  readonly OnClosed: { readonly client: SocketEnds; readonly error: string };
  /** Once for each connection, before its traffic. */
  readonly OnTraffic: { readonly client: SocketEnds };
  /** How many clients were connected when the server stopped. */
  readonly OnShutdown: { readonly connections: number };
  /** From time to time, if the server has a ticker. */
  readonly OnTick: { readonly connections: number };
}

/** An event that is no traffic. */
export class GatewayEvent<Payload extends object> {
  readonly hook: HookName;
  /** What the gateway says, or a handler before this one has made of it. */
  readonly payload: Payload;
  /** The client's session; undefined for events of the gateway itself. */
  readonly session: Session | undefined;
  readonly #trace: TraceContext | undefined;
  #decision: Decision | undefined;

  /** @internal Made by the gateway. */
  constructor(
    hook: HookName,
    payload: Payload,
    session: Session | undefined,
    trace: TraceContext | undefined,
  ) {
    this.hook = hook;
    this.payload = payload;
    this.session = session;
    this.#trace = trace;
  }

  /**
   * The `traceparent` of what this call is a part of, as the W3C's Trace Context has it: for a span of the plugin's own,
   * or to be handed on. Undefined where the gateway traces nothing, and where it knows of no trace.
   */
  get traceparent(): string | undefined {
    return this.#trace && formatTraceParent(this.#trace);
  }

  /** The `tracestate` beside it, if there is one. */
  get tracestate(): string | undefined {
    return this.#trace?.traceState;
  }

  /** @internal What the handler has made of it; undefined: nothing. */
  get decision(): Decision | undefined {
    return this.#decision;
  }

  /** Puts other values in the place of some. Has an effect where the event's description says so. */
  rewrite(changes: Partial<Payload>): void {
    this.#decision = { changes: { ...this.#decision?.changes, ...changes } };
  }
}

/** What is only told afterwards: it can be looked at, and not changed. */
export type SentRequestEvent = Omit<TrafficFromClientEvent, "rewrite" | "respond">;

/** What is only told afterwards: it can be looked at, and not changed. */
export type SentResponseEvent = Omit<TrafficFromServerEvent, "rewrite" | "respond">;

/** The event that each hook's handler is given. */
export type PluginEvents = {
  readonly [Hook in keyof Payloads]: GatewayEvent<Payloads[Hook]>;
} & {
  readonly OnTrafficFromClient: TrafficFromClientEvent;
  readonly OnTrafficToServer: SentRequestEvent;
  readonly OnTrafficFromServer: TrafficFromServerEvent;
  readonly OnTrafficToClient: SentResponseEvent;
};
