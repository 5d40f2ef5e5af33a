/**
 * The end of a session, from when it is decided on:
 *
 *   telling    handlers hear of the traffic that was
 *   closing    OnClosing runs, then the backend goes back
 *   lingering  the client gets what is left for it
 *   closed     OnClosed runs
 */
import type { Connection, ConnectionHandler } from "../net/index.ts";
import { runClosed, runClosing } from "./connection-events.ts";
import type { SocketEnds } from "./connection-events.ts";
import { logClient } from "./log-client.ts";
import type { SessionContext } from "./session-context.ts";
import type { SessionFacts } from "./session-facts.ts";
import type { ToldEvents } from "./told-events.ts";
import { TrafficHooks } from "./traffic-hooks.ts";

/** How long handlers may take for what they have not been told yet. */
const HEAR_OUT_MS = 5_000;

/** The session that ends. */
export interface EndOwner {
  readonly facts: SessionFacts;
  readonly client: Connection;
  /** Where its server is, or would have been. */
  readonly server: SocketEnds;
  /** The backend is not needed any more. */
  giveBack(): void;
  /** All is over. */
  closed(): void;
}

export class SessionEnd implements ConnectionHandler {
  readonly #owner: EndOwner;
  readonly #context: SessionContext;
  readonly #client: Connection;
  readonly #hasClientLeft: boolean;
  #state: "telling" | "closing" | "lingering" | "closed" = "telling";

  /** @param hasClientLeft it sends nothing more, and nothing is owed to it */
  constructor(owner: EndOwner, context: SessionContext, hasClientLeft: boolean) {
    this.#owner = owner;
    this.#context = context;
    this.#client = owner.client;
    this.#hasClientLeft = hasClientLeft;
  }

  /** @param sslRequest one that handlers have not been shown: no StartupMessage has followed it */
  begin(sslRequest: Uint8Array | undefined): void {
    this.#client.handler = this;
    const { told } = this.#owner.facts;
    if (sslRequest !== undefined) this.#show(sslRequest);
    else if (told !== undefined) this.#hearOut(told);
    else this.#close();
  }

  onData(): void {}
  onStall(): void {}
  onDrain(): void {}
  onEnd(): void {}

  onClose(error: Error | undefined): void {
    if (error !== undefined) {
      const { facts } = this.#owner;
      const message = "A client connection was lost";
      logClient(this.#context, facts, this.#client, "debug", message, { error });
    }
    if (this.#state === "lingering") this.#closed();
  }

  /** What handlers return is not used. */
  #show(sslRequest: Uint8Array): void {
    const { facts, server } = this.#owner;
    const traffic = new TrafficHooks(this.#context.hooks, facts, this.#client, server);
    const verdict = traffic.fromClient(sslRequest);
    if (verdict instanceof Promise) void verdict.then(() => this.#close());
    else this.#close();
  }

  #hearOut(told: ToldEvents): void {
    const limit = this.#context.timers.after(HEAR_OUT_MS, () => {
      const events = told.giveUp();
      if (events === 0) return;
      const { facts } = this.#owner;
      const message = "Handlers were not told of all traffic in time";
      logClient(this.#context, facts, this.#client, "warn", message, { events });
    });
    told.whenQuiet(() => {
      limit.dispose();
      this.#close();
    });
  }

  #close(): void {
    this.#state = "closing";
    runClosing(this.#context.hooks, this.#client, this.#owner.facts, () => {
      this.#owner.giveBack();
      this.#state = "lingering";
      // While a relay had the client, or OnClosing took its time, the client may have gone unheard.
      if (!this.#client.isOpen) this.#closed();
      else if (this.#hasClientLeft) this.#client.leave();
      else this.#client.close();
    });
  }

  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    runClosed(this.#context.hooks, this.#client, this.#owner.facts, () => this.#owner.closed());
  }
}
