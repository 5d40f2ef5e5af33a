/**
 * The notation of SCRAM messages (RFC 5802, section 7): attributes `x=value` between commas, in a fixed
 * order. Texts here hold one byte in each character (latin1), so that signatures cover exactly what came.
 */
import type { GatewayError } from "../../errors.ts";

/** The mechanism without channel binding. */
export const SCRAM = "SCRAM-SHA-256";

/** The mechanism that is bound to the TLS connection. */
export const SCRAM_PLUS = "SCRAM-SHA-256-PLUS";

/** The only channel binding PostgreSQL knows. */
export const BINDING_TYPE = "tls-server-end-point";

/** PostgreSQL's own limit for a message (PG_MAX_SASL_MESSAGE_LENGTH). */
const MAX_MESSAGE_BYTES = 1_024;

/** Visible ASCII without the comma. */
const NONCE = /^[!-+\--~]+$/;

/** Makes the error for a message that is not as it must be; whose fault it is, the reader's owner knows. */
export type Fault = (what: string) => GatewayError;

/** A payload as text. @throws what `fault` makes of one that is too long or no text */
export function messageText(payload: Uint8Array, fault: Fault): string {
  if (payload.length > MAX_MESSAGE_BYTES) throw fault(`a message of ${payload.length} bytes`);
  if (payload.includes(0)) throw fault("a message with a zero byte");
  return Buffer.from(payload).toString("latin1");
}

export function messageBytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** Reads the attributes of one message in their order. */
export class AttributeReader {
  readonly #text: string;
  readonly #fault: Fault;
  #at = 0;

  constructor(text: string, fault: Fault) {
    this.#text = text;
    this.#fault = fault;
  }

  /** The value of the next attribute, which must be this one. */
  take(name: string): string {
    const [found, value] = this.#next();
    if (found !== name)
      throw this.#fault(`a message whose attribute "${name}" is not in its place`);
    return value;
  }

  /** Like `take`, for nonces. */
  takeNonce(): string {
    const nonce = this.take("r");
    if (!NONCE.test(nonce)) throw this.#fault("a nonce with characters that are not allowed");
    return nonce;
  }

  /** Like `take`, for bytes in base64. */
  takeBytes(name: string): Uint8Array {
    const bytes = decodeBase64(this.take(name));
    if (bytes === undefined) throw this.#fault(`an attribute "${name}" that is not in base64`);
    return bytes;
  }

  /** What has been read so far, without the comma behind it. */
  get taken(): string {
    return this.#text.slice(0, Math.max(0, this.#at - 1));
  }

  /** Passes over optional extensions up to an attribute, or up to the end. */
  skipExtensions(until?: string): void {
    while (this.#at <= this.#text.length) {
      if (until !== undefined && this.#text[this.#at] === until) return;
      this.#next();
    }
  }

  /** @throws unless everything has been read */
  end(): void {
    if (this.#at <= this.#text.length) throw this.#fault("more attributes than there may be");
  }

  #next(): [name: string, value: string] {
    const comma = this.#text.indexOf(",", this.#at);
    const end = comma < 0 ? this.#text.length : comma;
    const attribute = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    const name = attribute[0] ?? "";
    if (!/^[A-Za-z]=/.test(attribute)) throw this.#fault("something that is no attribute");
    // RFC 5802, 5.1: what comes with "m" may not be ignored.
    if (name === "m") throw this.#fault("an extension that is not supported");
    return [name, attribute.slice(2)];
  }
}

/** The bytes of a base64 text; undefined if it is empty or not exactly what an encoder writes. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length > 0 && bytes.toString("base64") === text ? bytes : undefined;
}
