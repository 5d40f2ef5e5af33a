/** One connection to a database server, from dialling to its end. */
import { ignoringHandler } from "../net/index.ts";
import type { Address, Connection, ConnectionHandler } from "../net/index.ts";
import type { OpenedServer, ServerEncryption } from "./open-server.ts";

/** A server may greet before it is asked (with `protocol: raw`); more than this is held back. */
const MAX_GREETING_BYTES = 64 * 1024;

/**
 * A backend is *idle* (in a pool, watched for its loss), *leased* (its connection belongs to a
 * session), or *retired* (on its way out, its slot taken until the server has let go).
 */
export class Backend {
  readonly connection: Connection;
  /** The literal address it was dialled at, to reach the same server for a cancel request. */
  readonly address: Address;
  /** Undefined if the connection is not encrypted. */
  readonly encryption: ServerEncryption | undefined;
  /** On the clock of the pool. */
  readonly dialledAtMs: number;
  /** Dialled just now: was neither idle nor leased to anybody else before. */
  isFresh = true;
  /** A session sent something through it: it cannot go back to the pool as it is. */
  isUsed = false;
  /** The server closed it by itself, or said that it serves nobody now: it may be stopping. */
  isForsaken = false;
  #greeting: Uint8Array[] = [];
  #greetingBytes = 0;

  constructor({ connection, address, encryption }: OpenedServer, dialledAtMs: number) {
    this.connection = connection;
    this.address = address;
    this.encryption = encryption;
    this.dialledAtMs = dialledAtMs;
  }

  /** Idle: keeps what the server says unasked, and reports the loss of the connection once. */
  watch(onLost: () => void): void {
    this.connection.handler = {
      ...ignoringHandler,
      onData: (bytes) => {
        this.#greeting.push(bytes);
        this.#greetingBytes += bytes.length;
        if (this.#greetingBytes > MAX_GREETING_BYTES) this.connection.pause();
      },
      onEnd: () => this.connection.terminate(),
      onClose: onLost,
    };
  }

  /** Leased: `handler` hears the connection from now on, beginning with what was kept for it. */
  take(handler: ConnectionHandler): void {
    this.connection.handler = handler;
    const greeting = this.#greeting;
    if (greeting.length === 0) return;
    this.#greeting = [];
    this.#greetingBytes = 0;
    for (const bytes of greeting) handler.onData(bytes, this.connection);
    this.connection.resume();
  }

  /** Retired: closes gracefully, and tells when the server has let go or was cut off. */
  retire(onGone: () => void): void {
    if (!this.connection.isOpen) {
      onGone();
      return;
    }
    this.connection.handler = { ...ignoringHandler, onClose: onGone };
    this.connection.close();
  }
}
