/** A plugin process that has shaken hands. */
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { GatewayError } from "../../errors.ts";
import type { HookHandler, HookName, HookPayload } from "../../hooks/index.ts";
import {
  decodeStruct,
  encodeStruct,
  GatewayDPluginService,
  GRPCController,
  GRPCStdio,
  Health,
  HealthCheckResponse_ServingStatus,
  StdioData_Channel,
} from "../../rpc/index.ts";
import type { PluginActivity, PluginDescription, RunningPlugin } from "../plugin-host.ts";
import { describePlugin } from "./describe-plugin.ts";
import {
  callHeaders,
  type Channel,
  createTransport,
  PREFIX_BYTES,
  tracedHeaders,
  writePrefix,
} from "./grpc/index.ts";
import { LineReader } from "./line-reader.ts";
import type { PluginChild } from "./plugin-child.ts";
import type { PluginLog } from "./plugin-log.ts";
import { scrapeMetrics } from "./scrape-metrics.ts";
import { withSession } from "./session-header.ts";

/** The name under which go-plugin's servers tell of their health. */
const HEALTH_SERVICE = "plugin";

/** Time to end after being asked to, as go-plugin's hosts give. */
const GRACE_MS = 2000;

export interface ProcessPluginOptions {
  readonly child: PluginChild;
  readonly channel: Channel;
  readonly log: PluginLog;
  /** Deadline of a hook's call; 0 = none. */
  readonly callTimeoutMs: number;
  /** Longest message in either direction. */
  readonly maxMessageBytes: number;
  /** Told at the end: removes what the process may have left behind. */
  readonly cleanUp: () => Promise<void>;
}

/** Asks what has just been connected who it is. Rejects when it gives no usable answer, or is not well. */
export async function meetPlugin(
  options: ProcessPluginOptions,
  signal: AbortSignal,
): Promise<ProcessPlugin> {
  const answer = await callPlugin(options, "GetPluginConfig", {}, 0, signal);
  const plugin = new ProcessPlugin(options, describePlugin(answer));
  await plugin.ping(signal);
  return plugin;
}

/**
 * States: running; stopping, from {@link stop} on; ended, once the process has exited. A process that exits
 * without having been told to is told of by `ended`. Its calls fail at once from then on.
 */
export class ProcessPlugin implements RunningPlugin {
  readonly description: PluginDescription;
  readonly ended: Promise<string>;
  readonly #options: ProcessPluginOptions;
  readonly #health: Client<typeof Health>;
  readonly #controller: Client<typeof GRPCController>;
  #stopped: Promise<void> | undefined;
  #endedBecause: string | undefined;

  constructor(options: ProcessPluginOptions, description: PluginDescription) {
    this.description = description;
    this.#options = options;
    const { child, channel, maxMessageBytes } = options;
    const transport = createTransport(channel, maxMessageBytes);
    this.#health = createClient(Health, transport);
    this.#controller = createClient(GRPCController, transport);
    const stdio = createClient(GRPCStdio, transport);
    channel.eachSession(() => void this.#readStdio(stdio));
    this.ended = new Promise((resolve) => {
      void child.exited.then(async (reason) => {
        this.#endedBecause = reason;
        channel.close(new ConnectError(`the plugin has ended: ${reason}`, Code.Unavailable));
        await options.cleanUp();
        if (this.#stopped === undefined) resolve(reason);
      });
    });
  }

  handler(hook: HookName): HookHandler {
    const { channel, callTimeoutMs: timeoutMs, maxMessageBytes } = this.#options;
    const path = pathOf(hook);
    const wholeTime = { headers: callHeaders(path, timeoutMs), timeoutMs };
    const failed = (error: unknown): never => {
      throw this.#failure(hook, error);
    };
    return (payload, session, leftMs, trace) => {
      const frame = frameOf(payload, maxMessageBytes);
      const time = leftMs === undefined ? wholeTime : timeWithin(path, timeoutMs, leftMs);
      const own = withSession(time.headers, payload, session);
      const headers = trace === undefined ? own : tracedHeaders(own, trace);
      const call = channel.call({ ...time, headers, frame, maxMessageBytes });
      const answer = call.answer
        .then(({ message }) => changesTo(payload, decodeStruct(message)))
        .catch(failed);
      return Object.assign(answer, { giveUp: () => call.giveUp() });
    };
  }

  async ping(signal: AbortSignal): Promise<void> {
    const { status } = await this.#health
      .check({ service: HEALTH_SERVICE }, { signal })
      .catch((error: unknown) => {
        throw this.#failure("its health", error);
      });
    if (status === HealthCheckResponse_ServingStatus.SERVING) return;
    const text = `the plugin gives its health as ${status}, and ${HealthCheckResponse_ServingStatus.SERVING} is well`;
    throw new GatewayError("ERR_PLUGIN_UNHEALTHY", text);
  }

  activity(): PluginActivity {
    const { callsUnderWay, callsAnswered } = this.#options.channel;
    return { callsUnderWay, callsAnswered };
  }

  async scrape(signal: AbortSignal): Promise<string | undefined> {
    return await scrapeMetrics(this.description, signal);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { child, channel, cleanUp } = this.#options;
    const kill = setTimeout(() => child.kill(), GRACE_MS);
    await Promise.race([channel.idle(), child.exited]);
    // A Go plugin is often gone before it has answered. One that does not know the call gets the signal.
    await this.#controller.shutdown({}, { timeoutMs: GRACE_MS }).catch((error: unknown) => {
      if (ConnectError.from(error).code === Code.Unimplemented) child.terminate();
    });
    await child.exited;
    clearTimeout(kill);
    await cleanUp();
  }

  /** What keeps a call from having an answer, in terms of plugins. */
  #failure(what: string, error: unknown): GatewayError {
    if (this.#endedBecause !== undefined) {
      const text = `the plugin is not there to answer ${what}: ${this.#endedBecause}`;
      return new GatewayError("ERR_PLUGIN_ENDED", text);
    }
    return callFailure(what, error);
  }

  /**
   * What the plugin prints after its handshake is in this stream, where it has one. It ends with its session; a plugin
   * whose stream nobody reads stands still when it prints.
   */
  async #readStdio(client: Client<typeof GRPCStdio>): Promise<void> {
    const { log } = this.#options;
    const stdout = new LineReader(log.stdout);
    const stderr = new LineReader(log.stderr);
    const messages = client.streamStdio({})[Symbol.asyncIterator]();
    for (;;) {
      // It ends with the plugin, and a plugin need not have it: neither is worth a word.
      const next = await messages.next().catch(() => undefined);
      if (next === undefined || next.done === true) break;
      const { channel, data } = next.value;
      if (channel === StdioData_Channel.STDERR) stderr.read(data);
      else stdout.read(data);
    }
    stdout.end();
    stderr.end();
  }
}

async function callPlugin(
  { channel, maxMessageBytes }: ProcessPluginOptions,
  method: string,
  payload: HookPayload,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HookPayload> {
  try {
    const headers = callHeaders(pathOf(method), timeoutMs);
    const frame = frameOf(payload, maxMessageBytes);
    const request = { headers, frame, timeoutMs, maxMessageBytes };
    return decodeStruct((await channel.unary(request, signal)).message);
  } catch (error) {
    throw callFailure(method, error);
  }
}

/** The plugins before it have taken their time: of that of all of them this one is told what is left. */
function timeWithin(path: string, timeoutMs: number, leftMs: number) {
  const callMs = Math.ceil(timeoutMs > 0 ? Math.min(timeoutMs, leftMs) : leftMs);
  return { headers: callHeaders(path, callMs), timeoutMs: callMs };
}

function pathOf(method: string): string {
  return `/${GatewayDPluginService.typeName}/${method}`;
}

function frameOf(payload: HookPayload, maxMessageBytes: number): Buffer {
  const frame = encodeStruct(payload, PREFIX_BYTES);
  const byteLength = frame.length - PREFIX_BYTES;
  if (byteLength > maxMessageBytes) {
    throw new GatewayError(
      "ERR_PLUGIN_MESSAGE_TOO_LARGE",
      `a message of ${byteLength} bytes is not sent to the plugin: ${maxMessageBytes} are allowed`,
    );
  }
  writePrefix(frame);
  return frame;
}

/**
 * The answer without the bytes that came back as they were sent: then the payload's own stay, and nobody needs
 * to look for a difference.
 */
function changesTo(payload: HookPayload, answer: Record<string, unknown>): HookPayload {
  for (const key in answer) {
    const received = answer[key];
    const sent = payload[key];
    if (!(received instanceof Buffer && sent instanceof Uint8Array)) continue;
    if (received.equals(sent)) answer[key] = sent;
  }
  return answer;
}

function callFailure(what: string, thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const error = ConnectError.from(thrown);
  if (error.cause instanceof GatewayError) return error.cause;
  if (error.code === Code.DeadlineExceeded) {
    return new GatewayError("ERR_HOOK_TIMEOUT", `${what}: ${error.rawMessage}`, { cause: thrown });
  }
  const text = `the plugin does not answer ${what} (${Code[error.code]}): ${error.rawMessage}`;
  return new GatewayError("ERR_PLUGIN_CALL", text, { cause: thrown });
}
