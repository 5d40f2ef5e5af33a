/**
 * A login that passes through the gateway to a server over TLS.
 *
 * SCRAM-SHA-256-PLUS binds it to the connection that client and server share, and they share none (RFC
 * 5802, section 6). A client without TLS must not even be offered it: libpq takes that for an attack. One
 * with TLS is offered it as the server does, since a client that knows channel binding and is not offered
 * it tells the server so, which takes that for an attack in its turn. It gets in if it does without channel
 * binding, or if the gateway shows the server's own certificate.
 */
import {
  BackendTag,
  BackendWriter,
  HEADER_BYTES,
  lengthAt,
  readAuthentication,
  readErrorResponse,
} from "../postgres/index.ts";

/** Longer messages are no part of a login as we know it: from there on nothing is looked at. */
const MAX_MESSAGE_BYTES = 16 * 1024;
/** What PostgreSQL answers to a proof that is bound to another connection, ahead of any password check. */
const BINDING_FAILED = "28000";
const NOTHING = new Uint8Array(0);

export class RelayedLogin {
  readonly #isClientEncrypted: boolean;
  readonly #onBindingFailed: () => void;
  #held: Uint8Array = NOTHING;
  #isBindingOffered = false;
  #isOver = false;

  /** @param onBindingFailed the server has refused the client because of the TLS in between */
  constructor(isClientEncrypted: boolean, onBindingFailed: () => void) {
    this.#isClientEncrypted = isClientEncrypted;
    this.#onBindingFailed = onBindingFailed;
  }

  /** Nothing is held, and nothing more is looked at. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Takes what the server says, however it is cut.
   * @returns what the client gets of it now: whole messages, until the login is over
   */
  push(bytes: Uint8Array): Uint8Array {
    const received = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const passed: Uint8Array[] = [];
    let at = 0;
    while (!this.#isOver && at + HEADER_BYTES <= received.length) {
      const messageBytes = 1 + lengthAt(received, at + 1);
      if (messageBytes < HEADER_BYTES || messageBytes > MAX_MESSAGE_BYTES) this.#isOver = true;
      else if (at + messageBytes > received.length) break;
      else passed.push(this.#message(received.subarray(at, (at += messageBytes))));
    }
    const rest = received.subarray(at);
    this.#held = this.#isOver ? NOTHING : rest;
    return Buffer.concat(this.#isOver ? [...passed, rest] : passed);
  }

  #message(message: Uint8Array): Uint8Array {
    switch (message[0]) {
      case BackendTag.Authentication:
        return this.#authentication(message);
      case BackendTag.ErrorResponse: {
        this.#isOver = true;
        const isBound = this.#isClientEncrypted && this.#isBindingOffered;
        if (isBound && readErrorResponse(message).code === BINDING_FAILED) this.#onBindingFailed();
        return message;
      }
      default:
        return message;
    }
  }

  #authentication(message: Uint8Array): Uint8Array {
    const request = readAuthentication(message);
    if (request.kind === "ok") this.#isOver = true;
    if (request.kind !== "sasl") return message;
    const unbound = request.mechanisms.filter((mechanism) => !mechanism.endsWith("-PLUS"));
    this.#isBindingOffered = unbound.length < request.mechanisms.length;
    const mayStay = this.#isClientEncrypted || !this.#isBindingOffered;
    if (mayStay || unbound.length === 0) return message;
    return new BackendWriter().authenticationSasl(unbound).take();
  }
}
