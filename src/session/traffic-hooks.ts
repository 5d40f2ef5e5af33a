/** Running the four traffic hooks for one connection. */
import { CallOff, trafficPayload } from "../hooks/index.ts";
import type { HookOutcome, HookPayload } from "../hooks/index.ts";
import { FrontendTag, errorResponse, errorResponseFor } from "../postgres/index.ts";
import type { SocketEnds } from "./connection-events.ts";
import type { SessionFacts } from "./session-facts.ts";
import type { SessionHooks } from "./session-hooks.ts";
import { ToldEvents } from "./told-events.ts";
import type { Brake } from "./told-events.ts";

/** What a hook decided about a piece of traffic. */
export type Verdict = { readonly kind: "forward"; readonly bytes: Uint8Array } | TerminationVerdict;

/** A handler ended the piece. */
export interface TerminationVerdict {
  readonly kind: "terminate";
  /** For the client, as it is. */
  readonly response: Uint8Array | undefined;
  /** An ErrorResponse, for where there is no response. */
  readonly error: Uint8Array;
}

const TERMINATED = errorResponseFor("ERR_TERMINATED", "ERROR");

/** Without anything of its own to say. */
export const TERMINATION: TerminationVerdict = {
  kind: "terminate",
  response: undefined,
  error: TERMINATED,
};

/** Where no handler wishes for something else. */
const BUFFER_BYTES = 1024 * 1024;
const FLUSH_INTERVAL_MS = 5;

interface Ends {
  readonly local: string;
  readonly remote: string;
}

const NO_ENDS: Ends = Object.freeze({ local: "", remote: "" });

export class TrafficHooks {
  readonly #hooks: SessionHooks;
  readonly facts: SessionFacts;
  /** Set by whoever leads the traffic through here. */
  brake: Brake | undefined;
  readonly #requests = new CallOff();
  readonly #client: SocketEnds;
  readonly #server: SocketEnds;
  /** As payloads have them. */
  #clientEnds: Ends = NO_ENDS;
  #serverEnds: Ends = NO_ENDS;

  /** @param server may change: it is looked at for each call */
  constructor(hooks: SessionHooks, facts: SessionFacts, client: SocketEnds, server: SocketEnds) {
    this.#hooks = hooks;
    this.facts = facts;
    this.#client = client;
    this.#server = server;
  }

  /** A batch larger than this is shown in parts. */
  get maxBatchBytes(): number {
    return this.#hooks.onTrafficFromClient.chain?.batchBytes ?? BUFFER_BYTES;
  }

  /** An answer larger than this is shown in parts. */
  get bufferBytes(): number {
    const fromServer = this.#hooks.onTrafficFromServer.chain?.bufferBytes;
    const toClient = this.#hooks.onTrafficToClient.chain?.bufferBytes;
    if (fromServer === undefined) return toClient ?? BUFFER_BYTES;
    return toClient === undefined ? fromServer : Math.min(fromServer, toClient);
  }

  /** An answer that pauses this long is shown as far as it came. */
  get flushIntervalMs(): number {
    const fromServer = this.#hooks.onTrafficFromServer.chain?.flushIntervalMs;
    const toClient = this.#hooks.onTrafficToClient.chain?.flushIntervalMs;
    if (fromServer === undefined) return toClient ?? FLUSH_INTERVAL_MS;
    return toClient === undefined ? fromServer : Math.min(fromServer, toClient);
  }

  fromClient(request: Uint8Array): Verdict | Promise<Verdict> {
    const chain = this.#hooks.onTrafficFromClient.chain;
    if (chain === null) return { kind: "forward", bytes: request };
    const payload = this.#payload(request, undefined, false);
    // Whoever leaves says so, and is gone then: handlers are to hear of it all the same.
    const callOff = request[0] === FrontendTag.Terminate ? undefined : this.#requests;
    const outcome = chain.run(payload, this.facts, callOff);
    return outcome instanceof Promise
      ? outcome.then((late) => this.#verdictOf(late, "request", request))
      : this.#verdictOf(outcome, "request", request);
  }

  fromServer(
    request: Uint8Array,
    response: Uint8Array,
    isPartial: boolean,
  ): Verdict | Promise<Verdict> {
    const chain = this.#hooks.onTrafficFromServer.chain;
    if (chain === null) return { kind: "forward", bytes: response };
    const outcome = chain.run(this.#payload(request, response, isPartial), this.facts);
    return outcome instanceof Promise
      ? outcome.then((late) => this.#verdictOf(late, "response", response))
      : this.#verdictOf(outcome, "response", response);
  }

  /** After the fact: see {@link ToldEvents}. */
  toServer(request: Uint8Array): void {
    if (this.#hooks.onTrafficToServer.chain === null) return;
    this.#told.toServer(this.#payload(request, undefined, false), request);
  }

  toClient(request: Uint8Array, response: Uint8Array, isPartial: boolean): void {
    if (this.#hooks.onTrafficToClient.chain === null) return;
    this.#told.toClient(this.#payload(request, response, isPartial), response);
  }

  /**
   * What handlers say of the request that they have is not used any more: it goes nowhere. Of an answer they hear to the
   * end, since the server has done what it tells of.
   */
  callOff(): void {
    this.#requests.now();
  }

  /** Traffic waits for handlers to hear of what went before. */
  get isBraking(): boolean {
    return this.facts.told?.isBraking === true;
  }

  get #told(): ToldEvents {
    const told = (this.facts.told ??= new ToldEvents(this.#hooks, this.facts));
    told.brake = this.brake;
    return told;
  }

  #verdictOf(outcome: HookOutcome, key: "request" | "response", original: Uint8Array): Verdict {
    if (outcome.kind === "terminate") this.#hooks.watch?.terminated(this.facts);
    return verdictOf(outcome, key, original, this.facts);
  }

  #payload(request: Uint8Array, response: Uint8Array | undefined, partial: boolean): HookPayload {
    this.#clientEnds = current(this.#clientEnds, this.#client);
    this.#serverEnds = current(this.#serverEnds, this.#server);
    const client = this.#clientEnds;
    const server = this.#serverEnds;
    if (response === undefined) return trafficPayload({ client, server, request });
    return trafficPayload({ client, server, request, response, partial });
  }
}

/** The same object as long as the addresses are the same: handlers change nothing of a payload. */
function current(ends: Ends, { localAddress, remoteAddress }: SocketEnds): Ends {
  const isCurrent = ends.local === localAddress && ends.remote === remoteAddress;
  return isCurrent ? ends : Object.freeze({ local: localAddress, remote: remoteAddress });
}

/** What a chain returned is used if it is bytes; anything else leaves the piece as it was. */
function verdictOf(
  outcome: HookOutcome,
  key: "request" | "response",
  original: Uint8Array,
  facts: SessionFacts,
): Verdict {
  if (outcome.kind === "terminate") {
    const { response, error } = outcome;
    facts.termination = error;
    const told = error === undefined ? TERMINATED : errorResponse({ severity: "ERROR", ...error });
    return { kind: "terminate", response, error: told };
  }
  const bytes = outcome.payload[key];
  return { kind: "forward", bytes: bytes instanceof Uint8Array ? bytes : original };
}
