/** What requests and responses have in common on their way past a handler. */
import type { HookName, HookPayload, SocketEnds } from "../hooks/index.ts";
import { formatTraceParent } from "../tracing/index.ts";
import type { TraceContext } from "../tracing/index.ts";
import { sqlTextsOf } from "./client-messages.ts";
import { layOut } from "./reply-layout.ts";
import type { Reply } from "./replies.ts";
import type { Decision } from "./decision.ts";
import type { Session } from "./session.ts";

const NO_ENDS: SocketEnds = { local: "", remote: "" };
const NOTHING = new Uint8Array(0);

/** A piece of traffic. Nothing of it is decoded before somebody asks. */
export abstract class TrafficEvent {
  readonly hook: HookName;
  /** As the gateway tells it, or a handler before this one has changed it. */
  readonly payload: HookPayload;
  readonly #session: Session | undefined;
  readonly #trace: TraceContext | undefined;
  #queries: readonly string[] | undefined;
  #decision: Decision | undefined;

  /** @internal Made by the gateway. */
  constructor(
    hook: HookName,
    payload: HookPayload,
    session: Session | undefined,
    trace: TraceContext | undefined,
  ) {
    this.hook = hook;
    this.payload = payload;
    this.#session = session;
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

  /** The client's session. */
  get session(): Session {
    if (this.#session === undefined) throw new TypeError(`${this.hook} came without its session`);
    return this.#session;
  }

  /** Both ends of the client's socket, as `host:port` or path. */
  get client(): SocketEnds {
    return endsOf(this.payload["client"]);
  }

  /** Both ends of the server's socket; empty where there is none yet. */
  get server(): SocketEnds {
    return endsOf(this.payload["server"]);
  }

  /** The client's request; on the way from the server the one that is answered, or nothing. */
  get request(): Uint8Array {
    return bytesOf(this.payload["request"]);
  }

  /** The SQL of the request, if it holds any: the text of its first Query or Parse. */
  get query(): string | undefined {
    return this.queries[0];
  }

  /** Every SQL text of the request: those of its Query and Parse messages. */
  get queries(): readonly string[] {
    return (this.#queries ??= sqlTextsOf(this.request));
  }

  /**
   * Answers the client in place of the server. A {@link Reply} is laid out as the request calls for; bytes go
   * out as they are, but for the transaction status of a ReadyForQuery at their end: the client is told that of
   * its server. Behind an error of severity `FATAL` its connection ends. Nothing goes on, and no other handler
   * is called.
   *
   * @throws TypeError when the reply cannot answer this request
   */
  respond(reply: Reply | Uint8Array): void {
    const response = reply instanceof Uint8Array ? reply : this.answerWith(reply);
    this.#decision = { ...this.#decision, response };
  }

  /** @internal The reply as the answer to this request. */
  answerWith(reply: Reply): Uint8Array {
    return layOut(reply, this.request, this.#session?.transactionStatus);
  }

  /** Lets something else go on in the place of what came. */
  protected change(changes: HookPayload): void {
    this.#decision = { ...this.#decision, changes };
  }
}

export function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : NOTHING;
}

function endsOf(value: unknown): SocketEnds {
  if (typeof value !== "object" || value === null) return NO_ENDS;
  const { local, remote }: { readonly local?: unknown; readonly remote?: unknown } = value;
  return {
    local: typeof local === "string" ? local : "",
    remote: typeof remote === "string" ? remote : "",
  };
}
