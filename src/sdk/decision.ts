import type { HookPayload } from "../hooks/index.ts";

/** What a handler has made of an event by what it told it. */
export interface Decision {
  /** Keys of the payload that are to be others. */
  readonly changes?: HookPayload;
  /** What the client is told instead of what would have come. */
  readonly response?: Uint8Array;
}
