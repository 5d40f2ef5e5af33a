/**
 * The calls that a worker has not answered yet. Those of one turn of the event loop travel together, mostly as one
 * text.
 */
import { GatewayError } from "../../errors.ts";
import { terminate } from "../../hooks/index.ts";
import type {
  HandlerAnswer,
  HookName,
  HookPayload,
  Schedule,
  SocketEnds,
} from "../../hooks/index.ts";
import type { Session } from "../../sdk/index.ts";
import type { TraceContext } from "../../tracing/index.ts";
import { packCalls } from "./packed-calls.ts";
import { portable } from "./portable.ts";
import { trafficIn } from "./traffic-in.ts";
import { isTraffic } from "./worker-messages.ts";
import type {
  SessionFacts,
  ToWorker,
  TrafficCall,
  WorkerAnswer,
  WorkerCall,
} from "./worker-messages.ts";

export interface WorkerCallsOptions {
  readonly send: (message: ToWorker) => void;
  readonly schedule: Schedule;
  /** Longest time of one call; 0 = no limit. */
  readonly callTimeoutMs: number;
  /** Told of an event that nobody waits for, and that the worker is not shown: it has too many of them. */
  readonly onLeftOut: (hook: HookName) => void;
  /** Told of calls that took longer and have been given up: the worker may be stuck. */
  readonly onOverdue: (hook: HookName) => void;
}

interface PendingCall {
  readonly hook: HookName;
  readonly startedAt: number;
  readonly resolve: (answer?: HandlerAnswer) => void;
  readonly reject: (error: GatewayError) => void;
}

/** Events after the fact: traffic does not wait for them, however slow the worker is. */
const UNAWAITED: ReadonlySet<HookName> = new Set<HookName>([
  "OnTrafficToServer",
  "OnTrafficToClient",
]);
/** Bytes of such events that the worker may have at a time, and one event more. */
const MAX_UNAWAITED_BYTES = 16 * 1024 * 1024;
/** What an event costs beside its bytes. */
const EVENT_BYTES = 1_024;

/** Of sessions without traffic so far. */
const NO_ENDS: SocketEnds = { local: "", remote: "" };

export class WorkerCalls {
  readonly #options: WorkerCallsOptions;
  /** In the order they were made. */
  readonly #pending = new Map<number, PendingCall>();
  /** Bytes of the events that nobody waits for, as long as the worker has not answered, by the ids of their calls. */
  readonly #unawaited = new Map<number, number>();
  #unawaitedBytes = 0;
  /** What the worker has been told. */
  readonly #known = new WeakMap<Session, SessionFacts>();
  readonly #registry = new FinalizationRegistry<number>((number) => this.#gone.push(number));
  #calls: (WorkerCall | TrafficCall)[] = [];
  /** None of them is anything but traffic. */
  #areTraffic = true;
  #changed: SessionFacts[] = [];
  #gone: number[] = [];
  #callId = 0;
  #sessionNumber = 0;
  #isFlushing = false;
  /** Cancels the look at the oldest call; undefined while none is due. */
  #cancelWatch: (() => void) | undefined;
  /** Why no more calls are taken. */
  #refusal: GatewayError | undefined;
  /** No answer will come any more. */
  #hasEnded = false;
  #onIdle: () => void = () => {};

  constructor(options: WorkerCallsOptions) {
    this.#options = options;
  }

  call(
    hook: HookName,
    payload: HookPayload,
    session: Session | undefined,
    trace?: TraceContext,
  ): Promise<HandlerAnswer> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    const id = this.#callId++;
    if (UNAWAITED.has(hook)) {
      if (this.#unawaitedBytes >= MAX_UNAWAITED_BYTES) {
        this.#options.onLeftOut(hook);
        return Promise.resolve(undefined);
      }
      this.#count(id, payload);
    }
    const { promise, resolve, reject } = Promise.withResolvers<HandlerAnswer>();
    this.#pending.set(id, { hook, startedAt: performance.now(), resolve, reject });
    const call = this.#callOf(id, hook, payload, session, trace);
    this.#calls.push(call);
    if (!isTraffic(call)) this.#areTraffic = false;
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(() => this.#flush());
    }
    this.#watch();
    return promise;
  }

  /** How many have no answer yet. */
  get underWay(): number {
    return this.#pending.size;
  }

  /** @param silent calls whose handler has said nothing */
  answered(silent: readonly number[], answers: readonly WorkerAnswer[]): void {
    for (const id of silent) {
      this.#discount(id);
      this.#taken(id)?.resolve();
    }
    for (const answer of answers) {
      this.#discount(answer.id);
      const call = this.#taken(answer.id);
      if (call === undefined) continue;
      if ("error" in answer) call.reject(new GatewayError("ERR_PLUGIN_CALL", answer.error));
      else call.resolve("termination" in answer ? terminate(answer.termination) : answer.changes);
    }
  }

  /** No more calls are taken. Resolves when those under way are over. */
  drain(refusal: GatewayError): Promise<void> {
    this.#refusal ??= refusal;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    if (this.#pending.size === 0) resolve();
    return promise;
  }

  /** No answer will come any more. */
  end(error: GatewayError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#refusal ??= error;
    this.#cancelWatch?.();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#onIdle();
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#hasEnded) return;
    const sessions = this.#changed;
    const calls = this.#calls;
    const gone = this.#gone;
    this.#changed = [];
    this.#calls = [];
    this.#gone = [];
    const packed = this.#areTraffic ? packCalls(calls.filter(isTraffic)) : undefined;
    this.#areTraffic = true;
    if (packed !== undefined) {
      const isAlone = sessions.length === 0 && gone.length === 0;
      this.#options.send(isAlone ? packed : { kind: "calls", sessions, packed, calls: [], gone });
      return;
    }
    try {
      this.#options.send({ kind: "calls", sessions, calls: calls.map(portableCall), gone });
    } catch {
      // A handler before has left what cannot travel, such as a function; the other calls are not to blame.
      this.#options.send({ kind: "calls", sessions, calls: [], gone: [] });
      for (const call of calls) this.#sendAlone(call);
      this.#options.send({ kind: "calls", sessions: [], calls: [], gone });
    }
  }

  #sendAlone(call: WorkerCall | TrafficCall): void {
    try {
      this.#options.send({ kind: "calls", sessions: [], calls: [portableCall(call)], gone: [] });
    } catch (error) {
      const reason = `the event cannot be sent to the worker: ${error instanceof Error ? error.message : String(error)}`;
      const id = isTraffic(call) ? call[0] : call.id;
      this.#discount(id);
      this.#taken(id)?.reject(new GatewayError("ERR_PLUGIN_CALL", reason, { cause: error }));
    }
  }

  #count(id: number, { request, response }: HookPayload): void {
    const bytes = EVENT_BYTES + sizeOf(request) + sizeOf(response);
    this.#unawaited.set(id, bytes);
    this.#unawaitedBytes += bytes;
  }

  /** A call that was given up counts until it is answered, since the worker holds what came with it. */
  #discount(id: number): void {
    const bytes = this.#unawaited.get(id);
    if (bytes === undefined) return;
    this.#unawaited.delete(id);
    this.#unawaitedBytes -= bytes;
  }

  /** Undefined for a call that was given up. */
  #taken(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#onIdle();
    return call;
  }

  #callOf(
    id: number,
    hook: HookName,
    payload: HookPayload,
    session: Session | undefined,
    trace: TraceContext | undefined,
  ): WorkerCall | TrafficCall {
    if (session === undefined) return { id, hook, payload: portable(payload), session, trace };
    const traffic = trafficIn(payload);
    if (traffic === undefined) {
      const { client = NO_ENDS, server = NO_ENDS } = this.#known.get(session) ?? {};
      const number = this.#numberOf(session, client, server);
      return { id, hook, payload: portable(payload), session: number, trace };
    }
    const { client, server, request, response, partial = false } = traffic;
    const number = this.#numberOf(session, client, server);
    return [id, hook, number, request, response, partial, trace];
  }

  /** The worker is told of a session with the first call for it, and of what has changed with the next. */
  #numberOf(session: Session, client: SocketEnds, server: SocketEnds): number {
    const { id, user, database, applicationName, transactionStatus } = session;
    const known = this.#known.get(session);
    if (
      known !== undefined &&
      known.transactionStatus === transactionStatus &&
      known.applicationName === applicationName &&
      known.user === user &&
      known.database === database &&
      areSame(known.client, client) &&
      areSame(known.server, server)
    ) {
      return known.number;
    }
    const number = known?.number ?? this.#sessionNumber++;
    const facts = { number, id, user, database, applicationName, transactionStatus };
    const now = { ...facts, client: endsOf(client), server: endsOf(server) };
    if (known === undefined) this.#registry.register(session, number);
    this.#known.set(session, now);
    this.#changed.push(now);
    return number;
  }

  #watch(): void {
    const { callTimeoutMs, schedule } = this.#options;
    if (callTimeoutMs === 0 || this.#cancelWatch !== undefined) return;
    const [oldest] = this.#pending.values();
    if (oldest === undefined) return;
    const delayMs = Math.max(1, oldest.startedAt + callTimeoutMs - performance.now());
    this.#cancelWatch = schedule(delayMs, () => {
      this.#cancelWatch = undefined;
      this.#giveUpLate();
      this.#watch();
    });
  }

  #giveUpLate(): void {
    const { callTimeoutMs, onOverdue } = this.#options;
    const limit = performance.now() - callTimeoutMs;
    let late: HookName | undefined;
    for (const [id, call] of this.#pending) {
      if (call.startedAt > limit) break;
      late ??= call.hook;
      this.#pending.delete(id);
      call.reject(new GatewayError("ERR_HOOK_TIMEOUT", `no answer within ${callTimeoutMs} ms`));
    }
    if (this.#pending.size === 0) this.#onIdle();
    if (late !== undefined) onOverdue(late);
  }
}

/** A call by itself: its bytes are copied for the way, since what they are a part of stays here. */
function portableCall(call: WorkerCall | TrafficCall): WorkerCall | TrafficCall {
  if (!isTraffic(call)) return call;
  const [id, hook, session, request, response, isPartial, trace] = call;
  const answer = response && new Uint8Array(response);
  return [id, hook, session, new Uint8Array(request), answer, isPartial, trace];
}

function sizeOf(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 0;
}

/** A handler before may have put more beside the addresses, which may not be able to travel. */
function endsOf({ local, remote }: SocketEnds): SocketEnds {
  return { local, remote };
}

function areSame(left: SocketEnds, right: SocketEnds): boolean {
  return left.local === right.local && left.remote === right.remote;
}
