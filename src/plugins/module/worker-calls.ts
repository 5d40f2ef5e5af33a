/**
 * The calls that a worker has not answered yet. Those of one turn of the event loop travel together; bytes
 * are copied for the way, since what they are a part of stays here.
 */
import { GatewayError } from "../../errors.ts";
import { terminate } from "../../hooks/index.ts";
import type { HandlerAnswer, HookName, HookPayload, Schedule } from "../../hooks/index.ts";
import type { Session } from "../../sdk/index.ts";
import { portable } from "./portable.ts";
import type { ToWorker, WorkerAnswer, WorkerCall } from "./worker-messages.ts";

export interface WorkerCallsOptions {
  readonly send: (message: ToWorker) => void;
  readonly schedule: Schedule;
  /** Longest time of one call; 0 = no limit. */
  readonly callTimeoutMs: number;
  /** Told of calls that took longer and have been given up: the worker may be stuck. */
  readonly onOverdue: (hook: HookName) => void;
}

interface PendingCall {
  readonly hook: HookName;
  readonly startedAt: number;
  readonly resolve: (answer: HandlerAnswer) => void;
  readonly reject: (error: GatewayError) => void;
}

/** What the worker knows of a session. */
interface KnownSession extends Session {
  readonly number: number;
}

export class WorkerCalls {
  readonly #options: WorkerCallsOptions;
  /** In the order they were made. */
  readonly #pending = new Map<number, PendingCall>();
  readonly #known = new WeakMap<Session, KnownSession>();
  readonly #registry = new FinalizationRegistry<number>((number) => this.#gone.push(number));
  #calls: WorkerCall[] = [];
  #changed: KnownSession[] = [];
  #gone: number[] = [];
  #callId = 0;
  #sessionNumber = 0;
  #isFlushing = false;
  #isWatching = false;
  /** Why there will be no more answers. */
  #end: GatewayError | undefined;

  constructor(options: WorkerCallsOptions) {
    this.#options = options;
  }

  call(hook: HookName, payload: HookPayload, session: Session | undefined): Promise<HandlerAnswer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = this.#callId++;
    const { promise, resolve, reject } = Promise.withResolvers<HandlerAnswer>();
    this.#pending.set(id, { hook, startedAt: performance.now(), resolve, reject });
    this.#calls.push({
      id,
      hook,
      payload: portable(payload),
      session: session && this.#numberOf(session),
    });
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(() => this.#flush());
    }
    this.#watch();
    return promise;
  }

  answered(answers: readonly WorkerAnswer[]): void {
    for (const answer of answers) {
      const call = this.#pending.get(answer.id);
      // It may have been given up.
      if (call === undefined) continue;
      this.#pending.delete(answer.id);
      if ("error" in answer) call.reject(new GatewayError("ERR_PLUGIN_CALL", answer.error));
      else call.resolve("termination" in answer ? terminate(answer.termination) : answer.changes);
    }
  }

  /** No answer will come any more. */
  end(error: GatewayError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#end !== undefined) return;
    const message = {
      kind: "calls",
      sessions: this.#changed,
      calls: this.#calls,
      gone: this.#gone,
    } as const;
    this.#changed = [];
    this.#calls = [];
    this.#gone = [];
    this.#options.send(message);
  }

  /** The worker is told of a session with the first call for it, and of what has changed with the next. */
  #numberOf(session: Session): number {
    const { id, user, database, applicationName, transactionStatus } = session;
    const known = this.#known.get(session);
    if (
      known !== undefined &&
      known.transactionStatus === transactionStatus &&
      known.applicationName === applicationName &&
      known.user === user &&
      known.database === database
    ) {
      return known.number;
    }
    const number = known?.number ?? this.#sessionNumber++;
    const now = { number, id, user, database, applicationName, transactionStatus };
    if (known === undefined) this.#registry.register(session, number);
    this.#known.set(session, now);
    this.#changed.push(now);
    return number;
  }

  #watch(): void {
    const { callTimeoutMs, schedule } = this.#options;
    const [oldest] = this.#pending.values();
    if (callTimeoutMs === 0 || this.#isWatching || oldest === undefined) return;
    this.#isWatching = true;
    schedule(Math.max(1, oldest.startedAt + callTimeoutMs - performance.now()), () => {
      this.#isWatching = false;
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
    if (late !== undefined) onOverdue(late);
  }
}
