/**
 * Two streams joined: a client and the backend it leases, until one of them ends.
 *
 * This is the mechanism only: reading, backpressure, ends and losses. What the bytes mean is left to
 * the two kinds of relay, `RawRelay` and `PostgresRelay`.
 */
import type { Backend } from "../backend/index.ts";
import type { ErrorCode } from "../errors.ts";
import type { Connection, ConnectionHandler } from "../net/index.ts";

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

export abstract class Relay {
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

  /** Asks it to end at the next good moment, because the gateway stops. */
  abstract drain(): void;
  /** Ends it now; the client is told why where the protocol allows it. */
  abstract fail(code: ErrorCode, detail?: string): void;

  /** Events of the two connections. Only {@link ClientSide} and {@link ServerSide} call these. */
  abstract fromClient(bytes: Uint8Array): void;
  abstract fromServer(bytes: Uint8Array): void;
  abstract clientEnded(): void;
  abstract clientClosed(error: Error | undefined): void;
  abstract serverEnded(): void;
  abstract serverClosed(error: Error | undefined): void;

  /** Listens to both sides from now on. */
  protected join(): void {
    this.client.handler = new ClientSide(this);
    this.backend.take(new ServerSide(this));
  }

  pauseClient(reason: number): void {
    if (this.#clientPauses === 0) this.client.pause();
    this.#clientPauses |= reason;
  }

  resumeClient(reason: number): void {
    if (this.#clientPauses === 0) return;
    this.#clientPauses &= ~reason;
    if (this.#clientPauses === 0) this.client.resume();
  }

  /** The server may have said more than we have read. */
  get isServerPaused(): boolean {
    return this.#serverPauses !== 0;
  }

  pauseServer(reason: number): void {
    const isPaused = this.isServerPaused;
    this.#serverPauses |= reason;
    if (isPaused) return;
    this.server.pause();
    this.serverPauseChanged();
  }

  resumeServer(reason: number): void {
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

/**
 * What the relay hears of its client. An object with nothing but the relay, and no closures: with many
 * connections each object on the way of a piece of data is a wait for memory.
 */
class ClientSide implements ConnectionHandler {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  onData(bytes: Uint8Array): void {
    this.#relay.fromClient(bytes);
  }

  onStall(): void {
    this.#relay.pauseServer(PauseReason.Stalled);
  }

  onDrain(): void {
    this.#relay.resumeServer(PauseReason.Stalled);
  }

  onEnd(): void {
    this.#relay.clientEnded();
  }

  onClose(error: Error | undefined): void {
    if (!this.#relay.isOver) this.#relay.clientClosed(error);
  }
}

/** The same for its server. */
class ServerSide implements ConnectionHandler {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  onData(bytes: Uint8Array): void {
    this.#relay.fromServer(bytes);
  }

  onStall(): void {
    this.#relay.pauseClient(PauseReason.Stalled);
  }

  onDrain(): void {
    this.#relay.resumeClient(PauseReason.Stalled);
  }

  onEnd(): void {
    this.#relay.serverEnded();
  }

  onClose(error: Error | undefined): void {
    if (!this.#relay.isOver) this.#relay.serverClosed(error);
  }
}
