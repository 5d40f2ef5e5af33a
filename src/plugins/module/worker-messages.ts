/** What the gateway and a worker with a plugin say to each other. */
import type { HookName, HookPayload } from "../../hooks/index.ts";
import type { RecordLevel } from "../../logging/index.ts";
import type { Session } from "../../sdk/index.ts";
import type { PluginDescription } from "../plugin-host.ts";

/** One call of a handler. */
export interface WorkerCall {
  readonly id: number;
  readonly hook: HookName;
  readonly payload: HookPayload;
  /** Number of the session; undefined for events outside one. */
  readonly session: number | undefined;
}

/** What came of one call. */
export type WorkerAnswer =
  | { readonly id: number; readonly changes?: HookPayload }
  | { readonly id: number; readonly termination: { readonly response?: Uint8Array } }
  | { readonly id: number; readonly error: string };

/** Said to the worker. */
export type ToWorker =
  | {
      readonly kind: "start";
      readonly path: string;
      readonly checksum: string;
      readonly config: Readonly<Record<string, unknown>>;
    }
  /** In this order: sessions that are new or changed, the calls, and sessions that are gone. */
  | {
      readonly kind: "calls";
      readonly sessions: readonly (Session & { readonly number: number })[];
      readonly calls: readonly WorkerCall[];
      readonly gone: readonly number[];
    }
  | { readonly kind: "ping" | "scrape"; readonly id: number }
  | { readonly kind: "stop" };

/** Said by the worker. */
export type FromWorker =
  | {
      readonly kind: "started";
      readonly description: PluginDescription;
      readonly files: readonly string[];
    }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "answers"; readonly answers: readonly WorkerAnswer[] }
  /** The answer to a ping, or to a scrape: the metrics, if there are any. */
  | { readonly kind: "told"; readonly id: number; readonly text: string | undefined }
  | {
      readonly kind: "log";
      readonly level: RecordLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "stopped" };
