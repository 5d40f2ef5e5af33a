/** A plugin inside its worker: what it is told, and what it answers. */
import type { HandlerAnswer, HookHandler, HookName } from "../../hooks/index.ts";
import { Termination } from "../../hooks/index.ts";
import { StartedPlugin } from "../../sdk/index.ts";
import type { PluginLogger, Session } from "../../sdk/index.ts";
import { describePlugin } from "./describe-plugin.ts";
import { filesOfModule, loadModule } from "./load-module.ts";
import { portable, portableFields } from "./portable.ts";
import type { FromWorker, ToWorker, WorkerAnswer, WorkerCall } from "./worker-messages.ts";

type Start = Extract<ToWorker, { readonly kind: "start" }>;
type Calls = Extract<ToWorker, { readonly kind: "calls" }>;

export class WorkerSide {
  readonly #say: (message: FromWorker) => void;
  readonly #handlers = new Map<HookName, HookHandler>();
  /** One object for each session, as its plugin expects it. */
  readonly #sessions = new Map<number, Session>();
  #plugin: StartedPlugin | undefined;
  #answers: WorkerAnswer[] = [];
  #isFlushing = false;

  constructor(say: (message: FromWorker) => void) {
    this.#say = say;
  }

  hear(message: ToWorker): void {
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

  #run({ sessions, calls, gone }: Calls): void {
    for (const { number, ...facts } of sessions) {
      const known = this.#sessions.get(number);
      if (known === undefined) this.#sessions.set(number, facts);
      else Object.assign(known, facts);
    }
    for (const call of calls) this.#call(call);
    for (const number of gone) this.#sessions.delete(number);
    this.#flush();
  }

  #call({ id, hook, payload, session }: WorkerCall): void {
    const handler = this.#handlers.get(hook);
    try {
      const answer = handler?.(payload, this.#sessions.get(session ?? -1));
      if (!isPending(answer)) {
        this.#answers.push(answerOf(id, answer));
        return;
      }
      answer.then(
        (late) => this.#answerLater(answerOf(id, late)),
        (error: unknown) => this.#answerLater({ id, error: messageOf(error) }),
      );
    } catch (error) {
      this.#answers.push({ id, error: messageOf(error) });
    }
  }

  #answerLater(answer: WorkerAnswer): void {
    this.#answers.push(answer);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#answers.length === 0) return;
    const answers = this.#answers;
    this.#answers = [];
    this.#say({ kind: "answers", answers });
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

function answerOf(id: number, answer: HandlerAnswer): WorkerAnswer {
  if (answer instanceof Termination) {
    const { response } = answer;
    return {
      id,
      termination: response === undefined ? {} : { response: new Uint8Array(response) },
    };
  }
  return answer ? { id, changes: portable(answer) } : { id };
}

function isPending(
  answer: HandlerAnswer | PromiseLike<HandlerAnswer>,
): answer is PromiseLike<HandlerAnswer> {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "then" in answer &&
    typeof answer.then === "function"
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
