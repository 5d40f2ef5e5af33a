/** What plugins are tested with, without a gateway: `import ... from "gatewayd/sdk/testing"`. */
import { Termination } from "../hooks/index.ts";
import type { HandlerAnswer, HookName, HookPayload } from "../hooks/index.ts";
import { FrontendWriter } from "../postgres/index.ts";
import { loadSql } from "../sql/index.ts";
import type { PluginDefinition } from "./define-plugin.ts";
import { layOut } from "./reply-layout.ts";
import type { Reply } from "./replies.ts";
import type { Session } from "./session.ts";
import { StartedPlugin } from "./started-plugin.ts";

/** What has become of a piece of traffic. */
export type TrafficOutcome =
  /** It goes on, as it came or as the plugin has made it. */
  | { readonly kind: "forwarded"; readonly bytes: Uint8Array }
  /** The client was told this instead. */
  | { readonly kind: "answered"; readonly bytes: Uint8Array }
  /** The client is told that the request was terminated. */
  | { readonly kind: "terminated" };

/** A line of the log. */
export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A plugin that has started. Disposing of it ends it, with its timers and connections. */
export interface OpenPlugin extends AsyncDisposable {
  /** What it has logged, oldest first. */
  readonly logged: readonly LoggedLine[];
  /** Shows it a request; a text is sent as a Query. */
  request(request: Uint8Array | string, session?: Session): Promise<TrafficOutcome>;
  /** Shows it a response to a request. */
  response(
    response: Uint8Array,
    request: Uint8Array | string,
    session?: Session,
  ): Promise<TrafficOutcome>;
  /** Shows it an event; answers what it makes of the payload, undefined for nothing. */
  event(hook: HookName, payload: HookPayload, session?: Session): Promise<HookPayload | undefined>;
  /** Its metrics, as they appear on the metrics page. */
  metrics(): Promise<string>;
}

/** A session as it is before the client has logged in, but for what is given. */
export function openSession(known: Partial<Session> = {}): Session {
  return {
    id: crypto.randomUUID(),
    user: undefined,
    database: undefined,
    applicationName: undefined,
    transactionStatus: undefined,
    ...known,
  };
}

/** A Query message. */
export function queryMessage(sql: string): Uint8Array {
  return new FrontendWriter().query(sql).take();
}

/** The messages that a server would answer the request with. */
export function answerTo(request: Uint8Array | string, reply: Reply): Uint8Array {
  return layOut(reply, asRequest(request), undefined);
}

/**
 * Starts a plugin.
 * @param config as `config` of its entry would be. Default `{}`
 * @throws GatewayError when it does not start
 */
export async function openPlugin<Config>(
  plugin: PluginDefinition<Config>,
  config: Readonly<Record<string, unknown>> = {},
): Promise<OpenPlugin> {
  const logged: LoggedLine[] = [];
  const logAt =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      logged.push({ level, message, fields });
    };
  await loadSql();
  const started = await StartedPlugin.start(plugin, {
    config,
    logger: {
      trace: logAt("trace"),
      debug: logAt("debug"),
      info: logAt("info"),
      warn: logAt("warn"),
      error: logAt("error"),
    },
  });
  const session = openSession();
  const call = async (
    hook: HookName,
    payload: HookPayload,
    of: Session | undefined,
  ): Promise<HandlerAnswer> =>
    started.hooks.includes(hook) ? await started.handler(hook)(payload, of) : undefined;
  return {
    logged,
    request: async (request, of = session) => {
      const bytes = asRequest(request);
      const payload = { client: ENDS, server: ENDS, error: "", request: bytes };
      return outcomeOf(await call("OnTrafficFromClient", payload, of), "request", bytes);
    },
    response: async (response, request, of = session) => {
      const payload = {
        client: ENDS,
        server: ENDS,
        error: "",
        request: asRequest(request),
        response,
      };
      return outcomeOf(await call("OnTrafficFromServer", payload, of), "response", response);
    },
    event: async (hook, payload, of) => {
      const answer = await call(hook, payload, of);
      return answer instanceof Termination ? undefined : (answer ?? undefined);
    },
    metrics: async () => (await started.metricsText()) ?? "",
    [Symbol.asyncDispose]: () => started.stop(),
  };
}

const ENDS = { local: "127.0.0.1:15432", remote: "127.0.0.1:50000" };

function asRequest(request: Uint8Array | string): Uint8Array {
  return typeof request === "string" ? queryMessage(request) : request;
}

function outcomeOf(
  answer: HandlerAnswer,
  key: "request" | "response",
  original: Uint8Array,
): TrafficOutcome {
  if (answer instanceof Termination) {
    const { response } = answer;
    return response === undefined ? { kind: "terminated" } : { kind: "answered", bytes: response };
  }
  const bytes = answer?.[key];
  return { kind: "forwarded", bytes: bytes instanceof Uint8Array ? bytes : original };
}
