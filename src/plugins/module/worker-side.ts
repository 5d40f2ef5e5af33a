/** A plugin inside its worker: what it is told, and what it answers. */
import { Termination, isLate, trafficPayload } from "../../hooks/index.ts";
import type { HandlerAnswer, HookHandler, HookName, SocketEnds } from "../../hooks/index.ts";
import { StartedPlugin } from "../../sdk/index.ts";
import type { PluginLogger } from "../../sdk/index.ts";
import { describePlugin } from "./describe-plugin.ts";
import { filesOfModule, loadModule } from "./load-module.ts";
import { unpackCalls } from "./packed-calls.ts";
import { portable, portableFields } from "./portable.ts";
import { isTraffic } from "./worker-messages.ts";
import type {
  FromWorker,
  SessionFacts,
  ToWorker,
  TrafficCall,
  WorkerAnswer,
  WorkerCall,
} from "./worker-messages.ts";

const NO_ENDS: SocketEnds = { local: "", remote: "" };

type Start = Extract<ToWorker, { readonly kind: "start" }>;
type Calls = Extract<ToWorker, { readonly kind: "calls" }>;

export class WorkerSide {
  readonly #say: (message: FromWorker) => void;
  readonly #handlers = new Map<HookName, HookHandler>();
  /** One object for each session, as its plugin expects it; its facts change. */
  readonly #sessions = new Map<number, SessionFacts>();
  #plugin: StartedPlugin | undefined;
  #silent: number[] = [];
  #answers: WorkerAnswer[] = [];
  #isFlushing = false;

  constructor(say: (message: FromWorker) => void) {
    this.#say = say;
  }

  hear(message: ToWorker): void {
    if (typeof message === "string") {
      this.#runPacked(message);
      this.#flush();
      return;
    }
    switch (message.kind) {
      case "calls":
        this.#run(message);
        break;
      case "start":
        void this.#start(message);
        break;
      case "ping":
        this.#say({ kind: "told", id: message.id, text: undefined });
        break;
      case "scrape":
        void this.#scrape(message.id);
        break;
      case "stop":
        void this.#stop();
        break;
    }
  }

  async #start({ path, checksum, config }: Start): Promise<void> {
    try {
      const exported = await loadModule(path, checksum);
      const plugin = await StartedPlugin.start(exported, { config, logger: this.#logger() });
      for (const hook of plugin.hooks) this.#handlers.set(hook, plugin.handler(hook));
      this.#plugin = plugin;
      const description = describePlugin(plugin);
      this.#say({ kind: "started", description, files: filesOfModule(path) });
    } catch (error) {
      this.#say({ kind: "failed", message: messageOf(error) });
    }
  }

  #runPacked(text: string): void {
    for (const call of unpackCalls(text)) this.#callWithTraffic(call);
  }

  #run({ sessions, packed = "", calls, gone }: Calls): void {
    for (const facts of sessions) {
      const known = this.#sessions.get(facts.number);
      if (known === undefined) this.#sessions.set(facts.number, facts);
      else Object.assign(known, facts);
    }
    this.#runPacked(packed);
    for (const call of calls) {
      if (isTraffic(call)) this.#callWithTraffic(call);
      else this.#call(call, this.#sessions.get(call.session ?? -1));
    }
    for (const number of gone) this.#sessions.delete(number);
    this.#flush();
  }

  #callWithTraffic([id, hook, number, request, response, partial, trace]: TrafficCall): void {
    const session = this.#sessions.get(number);
    const { client = NO_ENDS, server = NO_ENDS } = session ?? {};
    const bytes = response === undefined ? { request } : { request, response };
    const payload = trafficPayload({ client, server, ...bytes, partial });
    this.#call({ id, hook, payload, trace }, session);
  }

  #call(
    { id, hook, payload, trace }: Omit<WorkerCall, "session">,
    session: SessionFacts | undefined,
  ): void {
    try {
      const answer = this.#handlers.get(hook)?.(payload, session, undefined, trace);
      if (!isLate(answer)) {
        this.#answer(id, answer);
        return;
      }
      answer.then(
        (late) => {
          this.#answer(id, late);
          this.#flushSoon();
        },
        (error: unknown) => {
          this.#answers.push({ id, error: messageOf(error) });
          this.#flushSoon();
        },
      );
    } catch (error) {
      this.#answers.push({ id, error: messageOf(error) });
    }
  }

  #answer(id: number, answer: HandlerAnswer): void {
    if (answer instanceof Termination) {
      const { response } = answer;
      const termination = response === undefined ? {} : { response: new Uint8Array(response) };
      this.#answers.push({ id, termination });
    } else if (answer) {
      this.#answers.push({ id, changes: portable(answer) });
    } else {
      this.#silent.push(id);
    }
  }

  /** With what else is answered in this turn. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#silent.length === 0 && this.#answers.length === 0) return;
    const silent = this.#silent;
    const answers = this.#answers;
    this.#silent = [];
    this.#answers = [];
    if (answers.length === 0) {
      this.#say(silent.join());
      return;
    }
    try {
      this.#say({ kind: "answers", silent, answers });
    } catch {
      // One of them holds what cannot travel, such as a function; the others are not to blame.
      this.#say({ kind: "answers", silent, answers: [] });
      for (const answer of answers) this.#sayAlone(answer);
    }
  }

  #sayAlone(answer: WorkerAnswer): void {
    try {
      this.#say({ kind: "answers", silent: [], answers: [answer] });
    } catch (error) {
      const reason = `the answer cannot leave the worker: ${messageOf(error)}`;
      this.#say({ kind: "answers", silent: [], answers: [{ id: answer.id, error: reason }] });
    }
  }

  async #scrape(id: number): Promise<void> {
    this.#say({ kind: "told", id, text: await this.#plugin?.metricsText() });
  }

  async #stop(): Promise<void> {
    await this.#plugin?.stop();
    this.#say({ kind: "stopped" });
  }

  #logger(): PluginLogger {
    const logAt =
      (level: keyof PluginLogger): PluginLogger[typeof level] =>
      (message, fields = {}) =>
        this.#say({ kind: "log", level, message, fields: portableFields(fields) });
    return {
      trace: logAt("trace"),
      debug: logAt("debug"),
      info: logAt("info"),
      warn: logAt("warn"),
      error: logAt("error"),
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
