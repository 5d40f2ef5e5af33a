/**
 * Two streams joined: a client and the backend it leases, until one of them ends.
 *
 * This is the mechanism only: reading, backpressure, ends and losses. What the bytes mean is left to
 * the two kinds of relay, `RawRelay` and `PostgresRelay`.
 */
import type { Backend } from "../backend/index.ts";
import type { ErrorCode } from "../errors.ts";
import type { Connection, ConnectionHandler } from "../net/index.ts";
import { ownServer } from "./holding.ts";
import type { Holding } from "./holding.ts";

/** Why a side is not read from at the moment; several may hold at once. */
export const PauseReason = {
  /** The other side does not take what it is sent. */
  Stalled: 1,
  /** Hooks hold more than they should. */
  Held: 2,
  /** The client has too many unanswered requests. */
  Throttled: 4,
  /** A cancel request is on its way to the server. */
  Cancelling: 8,
  /** Hooks have not heard yet of what went before. */
  Told: 16,
} as const;

/** How a relay ended, for the session that owns it. */
export type RelayEnd =
  /** The client said goodbye or is gone. */
  | { readonly kind: "clientGone" }
  /** The server closed, having told the client why. */
  | { readonly kind: "serverClosed" }
  /**
   * The server closed before its first byte, or said that it is still starting: the session may try
   * another backend. `rest` is what the client sent behind its StartupMessage.
   */
  | { readonly kind: "serverUnused"; readonly isStarting: boolean; readonly rest: Uint8Array }
  /** The gateway ended it; the client has been told, if it could be. */
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly detail?: string };

/** Whatever has a client, as the session that owns it sees it. */
export interface Served {
  /** Asks it to end at the next good moment, for this reason: nothing is wrong with it. */
  drain(code: ErrorCode): void;
  /** Ends it now; the client is told why where the protocol allows it. */
  fail(code: ErrorCode, detail?: string): void;
  /** Cancels what it has the server do, as its own request would. Never rejects. */
  cancel(): Promise<void>;
  /** The group has other settings: they hold from now on, or from the next good moment on. */
  settingsChanged(): void;
  readonly activity: SessionActivity;
  /** Undefined while it neither has a server nor waits for one. */
  readonly holding: Holding | undefined;
}

/**
 * What a session is at. `idle`: it has asked for nothing, or has a transaction open in which it asks for nothing;
 * `waiting`: for a backend; `active`: a backend works for it.
 */
export type SessionActivity = "loggingIn" | "idle" | "waiting" | "active" | "ending";

export abstract class Relay implements ConnectionHandler, Served {
  protected readonly client: Connection;
  protected readonly server: Connection;
  readonly backend: Backend;
  readonly #onEnd: (end: RelayEnd) => void;
  #clientPauses = 0;
  #serverPauses = 0;
  #isOver = false;

  constructor(client: Connection, backend: Backend, onEnd: (end: RelayEnd) => void) {
    this.client = client;
    this.server = backend.connection;
    this.backend = backend;
    this.#onEnd = onEnd;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get holding(): Holding {
    return ownServer(this.backend, this.keyData);
  }

  abstract get activity(): SessionActivity;
  /** Of the server; undefined where it is not known. */
  protected abstract get keyData(): Uint8Array | undefined;
  abstract cancel(): Promise<void>;
  abstract settingsChanged(): void;
  abstract drain(code: ErrorCode): void;
  abstract fail(code: ErrorCode, detail?: string): void;

  protected abstract fromClient(bytes: Uint8Array): void;
  protected abstract fromServer(bytes: Uint8Array): void;
  protected abstract clientEnded(): void;
  protected abstract clientClosed(error: Error | undefined): void;
  protected abstract serverEnded(): void;
  protected abstract serverClosed(error: Error | undefined): void;

  /**
   * Listens to both sides from now on. It is the handler of both itself: with many connections each
   * object on the way of a piece of data is a wait for memory.
   */
  protected join(): void {
    this.client.handler = this;
    this.backend.take(this);
  }

  onData(bytes: Uint8Array, from: Connection): void {
    if (from === this.client) this.fromClient(bytes);
    else this.fromServer(bytes);
  }

  onStall(at: Connection): void {
    if (at === this.client) this.pauseServer(PauseReason.Stalled);
    else this.pauseClient(PauseReason.Stalled);
  }

  onDrain(at: Connection): void {
    if (at === this.client) this.resumeServer(PauseReason.Stalled);
    else this.resumeClient(PauseReason.Stalled);
  }

  onEnd(of: Connection): void {
    if (of === this.client) this.clientEnded();
    else this.serverEnded();
  }

  onClose(error: Error | undefined, connection: Connection): void {
    if (this.#isOver) return;
    if (connection === this.client) this.clientClosed(error);
    else this.serverClosed(error);
  }

  protected pauseClient(reason: number): void {
    if (this.#clientPauses === 0) this.client.pause();
    this.#clientPauses |= reason;
  }

  protected resumeClient(reason: number): void {
    if (this.#clientPauses === 0) return;
    this.#clientPauses &= ~reason;
    if (this.#clientPauses === 0) this.client.resume();
  }

  /** The server may have said more than we have read. */
  get isServerPaused(): boolean {
    return this.#serverPauses !== 0;
  }

  protected pauseServer(reason: number): void {
    const isPaused = this.isServerPaused;
    this.#serverPauses |= reason;
    if (isPaused) return;
    this.server.pause();
    this.serverPauseChanged();
  }

  protected resumeServer(reason: number): void {
    if (this.#serverPauses === 0) return;
    this.#serverPauses &= ~reason;
    if (this.isServerPaused) return;
    this.server.resume();
    this.serverPauseChanged();
  }

  /** Called when the server is paused, and when it is read from again. */
  protected serverPauseChanged(): void {}

  /** It is over: tells the owner, once, who then closes the client and releases the backend. */
  protected end(end: RelayEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.dispose();
    this.#onEnd(end);
  }

  /** Lets timers and registrations go. */
  protected abstract dispose(): void;
}
