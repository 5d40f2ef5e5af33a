/**
 * How long a client may take to be logged in, by whose turn it is:
 *
 *   startup    the client's: startupTimeoutMs, from each step on
 *   handshake  TLS is negotiated: handshakeTimeoutMs
 *   none       a backend is waited for: the queue has a limit of its own
 *
 * When clients are to leave, LEAVE_MS is all that one has for its startup.
 */
import type { Deadline } from "../net/index.ts";
import type { SessionContext } from "./session-context.ts";

/** For the startup in answer to which it can be told so. */
const LEAVE_MS = 1_000;

export class StartupLimit {
  readonly #context: Pick<SessionContext, "limits">;
  readonly #deadline: Deadline;
  #isLeaving = false;

  constructor(context: Pick<SessionContext, "limits" | "timers">, onExpire: () => void) {
    this.#context = context;
    this.#deadline = context.timers.deadline(onExpire);
  }

  /** It is the client's turn. */
  awaitStartup(): void {
    const { startupTimeoutMs } = this.#context.limits;
    if (this.#isLeaving) this.#deadline.set(LEAVE_MS);
    else if (startupTimeoutMs > 0) this.#deadline.set(startupTimeoutMs);
    else this.#deadline.clear();
  }

  awaitHandshake(): void {
    const { handshakeTimeoutMs } = this.#context.limits;
    if (handshakeTimeoutMs > 0) this.#deadline.set(handshakeTimeoutMs);
  }

  /** The client is to leave, and has not said yet what it wants: that is nothing to wait long for. */
  awaitLeaving(): void {
    this.#isLeaving = true;
    this.awaitStartup();
  }

  /** A backend is waited for. */
  clear(): void {
    this.#deadline.clear();
  }

  dispose(): void {
    this.#deadline.dispose();
  }
}
