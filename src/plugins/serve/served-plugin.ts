/** A plugin behind the plugin protocol: each call as the bytes of a Struct in, and out. */
import type { IncomingHttpHeaders } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HOOK_NUMBERS, Termination, isLate } from "../../hooks/index.ts";
import type { HandlerAnswer, HookName, HookPayload } from "../../hooks/index.ts";
import {
  GatewayDPluginService,
  Health,
  HealthCheckResponse_ServingStatus,
  decodeStruct,
  encodeStruct,
} from "../../rpc/index.ts";
import { parseTraceParent } from "../../tracing/index.ts";
import type { TraceContext } from "../../tracing/index.ts";
import type { StartedPlugin } from "../../sdk/index.ts";
import { SESSION_HEADER } from "../process/index.ts";
import { CallRefused, PREFIX_BYTES } from "./grpc-server.ts";
import type { UnaryMethod } from "./grpc-server.ts";
import { SessionTracker, TRACKED_HOOKS } from "./session-tracker.ts";

/** The name that go-plugin's hosts ask after. */
const HEALTH_SERVICE = "plugin";
const NOT_FOUND = 5;

/** What a plugin asks for that terminates, as the protocol has it. */
const TERMINATE = { name: "terminate", metadata: { terminate: true } };

const GATEWAY_HOOKS: ReadonlySet<HookName> = new Set<HookName>([
  "OnConfigLoaded",
  "OnNewLogger",
  "OnNewPool",
  "OnNewClient",
  "OnNewProxy",
  "OnNewServer",
  "OnSignal",
  "OnRun",
  "OnBooting",
  "OnBooted",
  "OnShutdown",
  "OnTick",
]);

export class ServedPlugin {
  readonly #plugin: StartedPlugin;
  readonly #sessions = new SessionTracker();
  readonly #metricsSocket: string | undefined;

  /** @param metricsSocket path of the unix socket with its metrics; undefined: they are served nowhere */
  constructor(plugin: StartedPlugin, metricsSocket: string | undefined) {
    this.#plugin = plugin;
    this.#metricsSocket = metricsSocket;
  }

  /** Its calls, by their paths. */
  methods(): ReadonlyMap<string, UnaryMethod> {
    const service = `/${GatewayDPluginService.typeName}`;
    const methods = new Map<string, UnaryMethod>([
      [`/${Health.typeName}/Check`, checkHealth],
      [`${service}/GetPluginConfig`, () => encodeStruct(this.#description(), PREFIX_BYTES)],
    ]);
    for (const hook of Object.keys(HOOK_NUMBERS)) {
      methods.set(`${service}/${hook}`, this.#method(hook as HookName)); // They are all there is.
    }
    return methods;
  }

  #method(hook: HookName): UnaryMethod {
    const handler = this.#plugin.hooks.includes(hook) ? this.#plugin.handler(hook) : undefined;
    const followsSessions = this.#followsSessions;
    return (message, headers) => {
      // Hosts that call for what was not asked for get back what they sent.
      if (handler === undefined && !followsSessions) return echo(message);
      const payload = decodeStruct(message);
      const name = headers[SESSION_HEADER];
      const session = followsSessions
        ? this.#sessions.sessionOf(hook, payload, typeof name === "string" ? name : undefined)
        : undefined;
      if (handler === undefined) return echo(message);
      const answer = handler(payload, session, undefined, traceIn(headers));
      return isLate(answer)
        ? answer.then((late) => resultOf(message, payload, late))
        : resultOf(message, payload, answer);
    };
  }

  /** Events of a connection need to know whose it is. */
  get #followsSessions(): boolean {
    return this.#plugin.hooks.some((hook) => !GATEWAY_HOOKS.has(hook));
  }

  /** As plugins made with the GatewayD SDK tell of themselves. */
  #description(): HookPayload {
    const { definition, hooks } = this.#plugin;
    const all = new Set([...hooks, ...(this.#followsSessions ? TRACKED_HOOKS : [])]);
    const socket = this.#metricsSocket;
    return {
      id: {
        name: definition.name,
        version: definition.version,
        remoteUrl: definition.remoteUrl ?? "",
      },
      description: definition.description ?? "",
      authors: [...(definition.authors ?? [])],
      license: definition.license ?? "",
      projectUrl: definition.projectUrl ?? "",
      config:
        socket === undefined
          ? { metricsEnabled: "false" }
          : {
              metricsEnabled: "true",
              metricsUnixDomainSocket: socket,
              metricsEndpoint: "/metrics",
            },
      hooks: [...all].map((hook) => HOOK_NUMBERS[hook]),
      requires: (definition.requires ?? []).map(({ name, version = "", remoteUrl = "" }) => ({
        name,
        version,
        remoteUrl,
      })),
      tags: [...(definition.tags ?? [])],
      categories: [...(definition.categories ?? [])],
    };
  }
}

/** What the call is a part of, as the gateway says it in the metadata. */
function traceIn({ traceparent, tracestate }: IncomingHttpHeaders): TraceContext | undefined {
  if (typeof traceparent !== "string") return undefined;
  return parseTraceParent(traceparent, typeof tracestate === "string" ? tracestate : undefined);
}

/** The protocol wants the whole payload back, with what is to be another in its place. */
function resultOf(message: Buffer, payload: HookPayload, answer: HandlerAnswer): Buffer {
  if (!answer) return echo(message);
  if (!(answer instanceof Termination))
    return encodeStruct({ ...payload, ...answer }, PREFIX_BYTES);
  const { response } = answer;
  return encodeStruct(
    { ...payload, ...(response !== undefined && { response }), __signals__: [TERMINATE] },
    PREFIX_BYTES,
  );
}

function echo(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

function checkHealth(message: Buffer): Buffer {
  const { input, output } = Health.method.check;
  const { service } = fromBinary(input, message);
  if (service !== "" && service !== HEALTH_SERVICE) {
    throw new CallRefused(NOT_FOUND, `unknown service ${service}`);
  }
  const status = HealthCheckResponse_ServingStatus.SERVING;
  return echo(Buffer.from(toBinary(output, create(output, { status }))));
}
