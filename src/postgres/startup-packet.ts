/**
 * The first packet of a connection: no tag, a length, and a code that says which of five it is
 * (PostgreSQL manual, 54.7: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest).
 */
import { GatewayError } from "../errors.ts";
import { lengthAt } from "./frame-cursor.ts";

/** PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH). */
export const MAX_STARTUP_BYTES = 10_000;

/** First byte of a TLS record of type handshake: a client that starts TLS without asking. */
export const TLS_HANDSHAKE_BYTE = 0x16;

export const SSL_REQUEST_CODE = 80_877_103;
export const GSSENC_REQUEST_CODE = 80_877_104;
export const CANCEL_REQUEST_CODE = 80_877_102;

/** Length and code. */
const MIN_STARTUP_BYTES = 8;

export type StartupPacket =
  | { readonly kind: "incomplete" }
  | { readonly kind: "directTls" }
  | { readonly kind: "sslRequest"; readonly byteLength: number }
  | { readonly kind: "gssEncRequest"; readonly byteLength: number }
  /** `key` is the body of the BackendKeyData the client was given: process id and secret. */
  | { readonly kind: "cancelRequest"; readonly byteLength: number; readonly key: Uint8Array }
  | {
      readonly kind: "startupMessage";
      readonly byteLength: number;
      readonly majorVersion: number;
      readonly minorVersion: number;
    };

/**
 * Tells which packet begins here. Only its length and code are read.
 * @throws GatewayError ERR_PROTOCOL_VIOLATION, ERR_PROTOCOL_UNSUPPORTED or ERR_MESSAGE_TOO_LARGE
 */
export function readStartupPacket(bytes: Uint8Array): StartupPacket {
  if (bytes.length === 0) return { kind: "incomplete" };
  if (bytes[0] === TLS_HANDSHAKE_BYTE) return { kind: "directTls" };
  // The length is below 2^16, so a first byte other than 0 is no PostgreSQL client at all.
  if (bytes[0] !== 0) {
    throw new GatewayError("ERR_PROTOCOL_VIOLATION", "the first bytes are no startup packet");
  }
  if (bytes.length < 4) return { kind: "incomplete" };
  const byteLength = lengthAt(bytes, 0);
  if (byteLength > MAX_STARTUP_BYTES) {
    throw new GatewayError("ERR_MESSAGE_TOO_LARGE", `startup packet of ${byteLength} bytes`);
  }
  if (byteLength < MIN_STARTUP_BYTES) {
    throw new GatewayError("ERR_PROTOCOL_VIOLATION", `startup packet of ${byteLength} bytes`);
  }
  if (bytes.length < byteLength) return { kind: "incomplete" };
  return readCode(bytes, byteLength);
}

function readCode(packet: Uint8Array, byteLength: number): StartupPacket {
  const code = lengthAt(packet, 4);
  const isBare = byteLength === MIN_STARTUP_BYTES;
  if (code === SSL_REQUEST_CODE && isBare) return { kind: "sslRequest", byteLength };
  if (code === GSSENC_REQUEST_CODE && isBare) return { kind: "gssEncRequest", byteLength };
  if (code === CANCEL_REQUEST_CODE) {
    return {
      kind: "cancelRequest",
      byteLength,
      key: Uint8Array.from(packet.subarray(MIN_STARTUP_BYTES, byteLength)),
    };
  }
  const majorVersion = code >>> 16;
  const minorVersion = code & 0xffff;
  if (majorVersion !== 3) {
    throw new GatewayError(
      "ERR_PROTOCOL_UNSUPPORTED",
      `unsupported frontend protocol ${majorVersion}.${minorVersion}`,
    );
  }
  return { kind: "startupMessage", byteLength, majorVersion, minorVersion };
}

/**
 * The parameters of a whole StartupMessage: `user`, `database`, ...
 * @throws GatewayError ERR_PROTOCOL_VIOLATION when the list is not laid out as the manual says
 */
export function readStartupParameters(packet: Uint8Array): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  const decoder = new TextDecoder();
  const text = (from: number): [string, number] => {
    const end = packet.indexOf(0, from);
    if (end < 0) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", "startup packet without a terminator");
    }
    return [decoder.decode(packet.subarray(from, end)), end + 1];
  };
  let at = MIN_STARTUP_BYTES;
  for (;;) {
    const [name, valueAt] = text(at);
    if (name === "") return parameters;
    const [value, next] = text(valueAt);
    parameters.set(name, value);
    at = next;
  }
}
