/** A session whose unit shares a backend with those of others; what {@link Convoy} tells it. */
import type { PooledBackend } from "../../backend/index.ts";
import type { UnitFacts } from "./unit-facts.ts";

export interface Rider {
  /** What is known of the statement of its unit. */
  readonly facts: UnitFacts;
  /** Its client does not take what it is sent. */
  readonly isStalled: boolean;
  /** Its unit would be right on this backend: the settings are the session's, and its statement is there. */
  suits(backend: PooledBackend): boolean;
  /** The server has answered what was ahead of its unit. */
  onHead(): void;
  /** A piece of its answer, cut anywhere but behind its end: the bytes from `from` to before `to`. */
  onAnswer(bytes: Uint8Array, from: number, to: number): void;
  /** Its answer is complete, and it is with the convoy no more. */
  onArrived(): void;
  /**
   * What is ahead of its unit takes too long: nothing of the answer has come, nor will come here, and the
   * unit is to be sent elsewhere.
   * @param sinceMs when it began to wait
   */
  onStranded(sinceMs: number): void;
  /**
   * The connection is lost, or cannot be trusted.
   * @param farewell the FATAL ErrorResponse that the server said last, unless the session has it already
   * @param sinceMs nothing of the answer has come, and the unit may be sent elsewhere, once: a statement that
   *   ends its server would else end one after the other. When it began to wait
   */
  onLost(farewell: Uint8Array | undefined, sinceMs?: number): void;
}
