/**
 * The statement that a Parse, Bind, Describe or Close names, read and replaced without decoding
 * anything else: what sharing prepared statements does to every one of these messages.
 */
import { GatewayError } from "../errors.ts";
import { KIND_BYTES } from "./frontend-views.ts";
import { FrontendTag, HEADER_BYTES } from "./message-types.ts";

/**
 * The name in one whole message from its tag on: "" for the unnamed statement, undefined when the
 * message names no statement, as a Describe of a portal. Each byte is one character, so that names
 * that differ stay different whatever the client's encoding.
 * @throws GatewayError ERR_PROTOCOL_VIOLATION when the name has no end
 */
export function statementName(message: Uint8Array): string | undefined {
  const from = nameAt(message);
  if (from < 0) return undefined;
  const to = zeroByteAt(message, from);
  return Buffer.from(message.buffer, message.byteOffset + from, to - from).toString("latin1");
}

/**
 * The same message with another name, as a copy; a message that names no statement is answered as
 * it is.
 * @param name without a zero byte; encoded once by its owner, not here for every message
 * @throws GatewayError ERR_PROTOCOL_VIOLATION when the present name has no end
 */
export function renameStatement(message: Uint8Array, name: Uint8Array): Uint8Array {
  const from = nameAt(message);
  if (from < 0) return message;
  const to = zeroByteAt(message, from);
  const renamed = Buffer.allocUnsafe(message.length - (to - from) + name.length);
  // So few bytes are copied faster one by one than by making a subarray of them.
  for (let at = 0; at < from; at++) renamed[at] = message[at] ?? 0;
  renamed.set(name, from);
  renamed.set(message.subarray(to), from + name.length);
  renamed.writeInt32BE(renamed.length - 1, 1);
  return renamed;
}

/** Where the name begins; negative when there is none. */
function nameAt(message: Uint8Array): number {
  switch (message[0]) {
    case FrontendTag.Parse:
      return HEADER_BYTES;
    case FrontendTag.Bind:
      // The portal's name is in front of it.
      return zeroByteAt(message, HEADER_BYTES) + 1;
    case FrontendTag.Describe:
    case FrontendTag.Close:
      return message[HEADER_BYTES] === KIND_BYTES.statement ? HEADER_BYTES + 1 : -1;
    default:
      return -1;
  }
}

function zeroByteAt(message: Uint8Array, from: number): number {
  const at = message.indexOf(0, from);
  if (at < 0) throw new GatewayError("ERR_PROTOCOL_VIOLATION", "a statement's name has no end");
  return at;
}
