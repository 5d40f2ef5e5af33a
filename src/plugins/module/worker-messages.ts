/** What the gateway and a worker with a plugin say to each other. */
import type { HookName, HookPayload, SocketEnds } from "../../hooks/index.ts";
import type { RecordLevel } from "../../logging/index.ts";
import type { Session } from "../../sdk/index.ts";
import type { TraceContext } from "../../tracing/index.ts";
import type { PluginDescription } from "../plugin-host.ts";

/** What a worker is told of a session, once and whenever it has changed. */
export interface SessionFacts extends Session {
  /** By which calls name it. */
  readonly number: number;
  /** As its traffic names them. */
  readonly client: SocketEnds;
  readonly server: SocketEnds;
}

/** One call of a handler. */
export interface WorkerCall {
  readonly id: number;
  readonly hook: HookName;
  readonly payload: HookPayload;
  /** Number of the session; undefined for events outside one. */
  readonly session: number | undefined;
  readonly trace: TraceContext | undefined;
}

/** A call about traffic, as nearly all are: without what the session's facts hold. */
export type TrafficCall = readonly [
  id: number,
  hook: HookName,
  session: number,
  request: Uint8Array,
  response: Uint8Array | undefined,
  isPartial: boolean,
  trace: TraceContext | undefined,
];

export function isTraffic(call: WorkerCall | TrafficCall): call is TrafficCall {
  return Array.isArray(call);
}

/** What came of one call. */
export type WorkerAnswer =
  | { readonly id: number; readonly changes: HookPayload }
  | { readonly id: number; readonly termination: { readonly response?: Uint8Array } }
  | { readonly id: number; readonly error: string };

/** Said to the worker. A text is {@link packCalls calls about traffic} alone. */
export type ToWorker =
  | string
  | {
      readonly kind: "start";
      readonly path: string;
      readonly checksum: string;
      readonly config: Readonly<Record<string, unknown>>;
    }
  /** In this order: sessions that are new or changed, calls (packed, or each by itself), and sessions that are gone. */
  | {
      readonly kind: "calls";
      readonly sessions: readonly SessionFacts[];
      readonly packed?: string;
      readonly calls: readonly (WorkerCall | TrafficCall)[];
      readonly gone: readonly number[];
    }
  | { readonly kind: "ping" | "scrape"; readonly id: number }
  | { readonly kind: "stop" };

/** Said by the worker. A text has the ids of calls whose handler has said nothing, with commas between them. */
export type FromWorker =
  | string
  | {
      readonly kind: "started";
      readonly description: PluginDescription;
      readonly files: readonly string[];
    }
  | { readonly kind: "failed"; readonly message: string }
  /** `silent`: calls whose handler has said nothing. */
  | {
      readonly kind: "answers";
      readonly silent: readonly number[];
      readonly answers: readonly WorkerAnswer[];
    }
  /** The answer to a ping, or to a scrape: the metrics, if there are any. */
  | { readonly kind: "told"; readonly id: number; readonly text: string | undefined }
  | {
      readonly kind: "log";
      readonly level: RecordLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "stopped" };
