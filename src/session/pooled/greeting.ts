/**
 * What a client is told at its login: the parameters the server would report to it, with the settings of
 * its StartupMessage in force.
 *
 * Only a server can tell, so the first login with some settings leases a backend and tries them there;
 * what came of it holds for all that ask for the same, for a while.
 */
import type { PooledBackend } from "../../backend/index.ts";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../net/index.ts";
import { LeaseTicket } from "../../pool/index.ts";
import type { LeaseWaiter, PairLane, Slot } from "../../pool/index.ts";
import {
  BackendWriter,
  Settings,
  requestStatements,
  restoreStatements,
  settingsQuery,
} from "../../postgres/index.ts";
import type { Notice } from "../../postgres/index.ts";
import type { ConnectionFields } from "../../watch/index.ts";
import type { PooledStartup, WantedSettings } from "./startup-request.ts";

export interface Greeting {
  /** What the client has set by its StartupMessage, as the server has it. */
  readonly settings: Settings;
  readonly parameters: ReadonlyMap<string, string>;
  /** A ParameterStatus for each of them. */
  readonly messages: Uint8Array;
}

export type GreetingOutcome =
  | { readonly kind: "greeted"; readonly greeting: Greeting }
  /** The server does not take what the client wants to set. */
  | { readonly kind: "refused"; readonly notice: Notice }
  | { readonly kind: "failed"; readonly error: GatewayError };

/** Whom it is for. */
export interface GreetedClient {
  readonly remoteAddress: string;
  readonly logFields: ConnectionFields;
}

/** One that a server is asked for. */
export interface PendingGreeting {
  /** What a backend is waited for by; undefined when there is one. */
  readonly ticket: object | undefined;
  giveUp(): void;
}

/** ALTER ROLE ... SET and the like are seen after so long. */
const GREETING_LIFE_MS = 60_000;
const MAX_GREETINGS = 1_000;

/** One for each block. */
export class Greetings {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly greeting: Greeting; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Finds out, or knows. `done` may be called before this returns.
   * @returns undefined when it is known already; given up, it does not call `done` any more
   */
  learn(
    lane: PairLane<PooledBackend>,
    { settings, settingsKey }: Pick<PooledStartup, "settings" | "settingsKey">,
    client: GreetedClient,
    done: (outcome: GreetingOutcome) => void,
  ): PendingGreeting | undefined {
    const { user, database, key } = lane.pair;
    // No name of a user or a database has a zero byte.
    const name = `${user}\0${database}\0${key}\0${settingsKey}`;
    const known = this.#known.get(name);
    if (known !== undefined && known.untilMs > this.#clock.now()) {
      done({ kind: "greeted", greeting: known.greeting });
      return undefined;
    }
    const lease = new GreetingLease(settings, client, (outcome) => {
      if (outcome.kind === "greeted") this.#remember(name, outcome.greeting);
      done(outcome);
    });
    lease.ask(lane);
    return lease;
  }

  #remember(name: string, greeting: Greeting): void {
    this.#known.delete(name);
    this.#known.set(name, { greeting, untilMs: this.#clock.now() + GREETING_LIFE_MS });
    if (this.#known.size <= MAX_GREETINGS) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

class GreetingLease implements LeaseWaiter<PooledBackend>, PendingGreeting {
  readonly #ticket = new LeaseTicket<PooledBackend>(this);
  readonly #client: GreetedClient;
  readonly #wanted: WantedSettings;
  readonly #done: (outcome: GreetingOutcome) => void;
  #isGivenUp = false;

  constructor(
    wanted: WantedSettings,
    client: GreetedClient,
    done: (outcome: GreetingOutcome) => void,
  ) {
    this.#wanted = wanted;
    this.#client = client;
    this.#done = done;
  }

  ask(lane: PairLane<PooledBackend>): void {
    lane.lease(this.#ticket);
  }

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  get logFields(): ConnectionFields {
    return this.#client.logFields;
  }

  get ticket(): object | undefined {
    return this.#ticket.isWaiting ? this.#ticket : undefined;
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#ticket.withdraw();
  }

  onLease(slot: Slot<PooledBackend>): void {
    void this.#ask(slot);
  }

  onLeaseFailed(error: GatewayError): void {
    this.#tell({ kind: "failed", error });
  }

  async #ask(slot: Slot<PooledBackend>): Promise<void> {
    const { backend } = slot;
    let outcome: GreetingOutcome;
    try {
      outcome = await this.#greet(backend);
    } catch (thrown) {
      slot.release("lost");
      this.#tell({ kind: "failed", error: GatewayError.from(thrown) });
      return;
    }
    slot.release("clean");
    this.#tell(outcome);
  }

  async #greet(backend: PooledBackend): Promise<GreetingOutcome> {
    const restore = restoreStatements(backend.settings, Settings.NONE);
    if (restore !== undefined) {
      const { error } = await backend.run(restore);
      if (error !== undefined) return { kind: "refused", notice: error };
      backend.settings = Settings.NONE;
    }
    const custom = this.#wanted.map(([name]) => name).filter((name) => name.includes("."));
    if (this.#wanted.length > 0) {
      // All or none, in one transaction.
      const { error } = await backend.run(requestStatements(this.#wanted));
      if (error !== undefined) return { kind: "refused", notice: error };
    }
    const { rows, error } = await backend.run(settingsQuery(custom));
    if (error !== undefined) throw new GatewayError("ERR_SETTINGS_LOST", error.message);
    backend.settings = new Settings(rows.map(([name, value]) => [name ?? "", value ?? ""]));
    const { settings, parameters } = backend;
    const writer = new BackendWriter();
    for (const [name, value] of parameters) writer.parameterStatus(name, value);
    return { kind: "greeted", greeting: { settings, parameters, messages: writer.take() } };
  }

  #tell(outcome: GreetingOutcome): void {
    if (!this.#isGivenUp) this.#done(outcome);
  }
}
