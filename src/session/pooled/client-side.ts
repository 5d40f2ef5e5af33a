/**
 * The client of a relay: read from or not, and behind hooks while traffic has handlers.
 *
 * Handlers that come while a session lives see what begins after the client has been told all that it is
 * owed, or is owed nothing but answers to messages of its own. They are left when the last of them has gone.
 */
import type { ServerPlace } from "../../backend/index.ts";
import type { ErrorCode } from "../../errors.ts";
import type { HookPresence } from "../../hooks/index.ts";
import type { Connection, ConnectionHandler } from "../../net/index.ts";
import type { AnswerLedger } from "../../postgres/index.ts";
import { isGoodbye } from "../goodbye.ts";
import type { AnswerStream } from "./answer-stream.ts";
import { HookedClient } from "./hooked-client.ts";
import type { HookedOwner } from "./hooked-client.ts";
import type { PooledRelayOptions } from "./pooled-relay-options.ts";
import type { ServerHold } from "./server-hold.ts";
import type { SessionAnswers } from "./session-answers.ts";

/** The relay around it. */
export interface ClientSideOwner extends ConnectionHandler {
  readonly ledger: AnswerLedger;
  readonly isReceiving: boolean;
  readonly isHandling: boolean;
  /** What the client sent waits, and there is enough of it. */
  readonly isBehind: boolean;
  fail(code: ErrorCode, detail?: string): void;
  /** Hooks have got something, or have nothing any more. */
  hooksMoved(): void;
  /** The client is heard and written to through this connection from now on. */
  reach(client: Connection): void;
}

export class ClientSide implements HookedOwner {
  /** The client is not read from. */
  isPaused = false;
  readonly #traffic: HookPresence;
  #hooked: HookedClient | undefined;
  #client: Connection;
  readonly #owner: ClientSideOwner;
  readonly #options: PooledRelayOptions;
  readonly #hold: ServerHold;
  readonly #answers: AnswerStream;
  readonly #read: SessionAnswers;

  constructor(
    owner: ClientSideOwner,
    options: PooledRelayOptions,
    hold: ServerHold,
    answers: AnswerStream,
    read: SessionAnswers,
  ) {
    this.#owner = owner;
    this.#options = options;
    this.#hold = hold;
    this.#answers = answers;
    this.#read = read;
    this.#traffic = options.context.hooks.traffic;
    this.#client = options.client;
    this.#hooked = options.hooked;
    if (options.hooked !== undefined) options.hooked.owner = this;
  }

  get client(): Connection {
    return this.#client;
  }

  /** The same if it is behind hooks. */
  get hooked(): HookedClient | undefined {
    return this.#hooked;
  }

  /** It has said and got all that it has begun to. */
  get isAtRest(): boolean {
    return this.isQuiet && !this.isPaused && this.#client.isOpen && this.#client.backlogBytes === 0;
  }

  /** There are handlers that do not see the traffic yet. */
  get isUnseen(): boolean {
    return this.#traffic.isAny && this.#hooked === undefined;
  }

  /** Hooks hold nothing, not even the beginning of something. */
  get isQuiet(): boolean {
    return this.#hooked === undefined || this.#hooked.isQuiet;
  }

  /** A request or an answer is with a handler, or waits for one. */
  get isHandling(): boolean {
    return this.#hooked !== undefined && this.#hooked.isHandling;
  }

  /** Stops reading. */
  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.#client.pause();
  }

  /** Goes on reading, unless there still is a reason against it. */
  resume(): void {
    if (!this.isPaused || this.#owner.isBehind) return;
    this.isPaused = false;
    this.#client.resume();
  }

  /**
   * Leads the traffic through hooks from here on, if nothing is under way that they would know by halves.
   * @param bytes have come, of whichever side
   * @returns they have gone to the hooks
   */
  hook(bytes: Uint8Array, from: Connection): boolean {
    if (!this.#mayHook) return false;
    const { context, facts } = this.#options;
    const client = this.#client;
    const ledger = this.#owner.ledger.copy();
    this.#hooked = new HookedClient({ client, context, facts, owner: this, ledger });
    this.#reach(this.#hooked);
    if (from !== client) return false;
    this.#hooked.onData(bytes);
    return true;
  }

  unhook(client: Connection): void {
    this.#hooked = undefined;
    this.#reach(client);
  }

  /** Handlers that take their time are not waited for when the client is to leave. */
  failing(code: ErrorCode): void {
    if (isGoodbye(code)) this.#hooked?.giveUp();
  }

  /** The session is over; `onEnded` is called when hooks have let everything through. */
  finish(onEnded: () => void): void {
    if (this.#hooked === undefined) onEnded();
    else this.#hooked.finish(onEnded);
  }

  get place(): ServerPlace {
    return this.#options.block.place;
  }

  get lease(): Connection | undefined {
    return this.#hold.backend?.connection;
  }

  fail(code: ErrorCode, detail?: string): void {
    this.#owner.fail(code, detail);
  }

  hooksMoved(): void {
    this.#owner.hooksMoved();
  }

  get #mayHook(): boolean {
    const { isReceiving, isHandling } = this.#owner;
    if (isReceiving || isHandling || this.#hold.state === "riding") return false;
    return this.#answers.isAtBoundary && this.#read.isFaithful;
  }

  #reach(client: Connection): void {
    this.#client = client;
    client.handler = this.#owner;
    if (this.isPaused) client.pause();
    this.#owner.reach(client);
  }
}
