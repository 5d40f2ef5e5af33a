/** Checks the header of a client's message, once it is logged in. */
import { GatewayError } from "../errors.ts";
import { FrontendTag, HEADER_BYTES, isFrontendTag } from "./message-types.ts";

/** By tag: a client may send it at any time after its login. */
const MAY_COME = new Uint8Array(256);
for (const tag of Object.values(FrontendTag)) MAY_COME[tag] = tag === FrontendTag.Password ? 0 : 1;

/**
 * @param messageBytes tag and length included, as the header says
 * @param maxMessageBytes longest message accepted
 * @throws GatewayError ERR_PROTOCOL_VIOLATION or ERR_MESSAGE_TOO_LARGE
 */
export function checkFrontendHeader(
  tag: number,
  messageBytes: number,
  maxMessageBytes: number,
): void {
  const fits = messageBytes >= HEADER_BYTES && messageBytes <= maxMessageBytes;
  if (fits && MAY_COME[tag] === 1) return;
  if (!isFrontendTag(tag) || tag === FrontendTag.Password) {
    throw new GatewayError("ERR_PROTOCOL_VIOLATION", `invalid frontend message type ${tag}`);
  }
  // A length with the top bit set reads as negative: it is a huge one, not a small one.
  const announced = (messageBytes - 1) >>> 0;
  const isTooShort = announced < HEADER_BYTES - 1;
  throw new GatewayError(
    isTooShort ? "ERR_PROTOCOL_VIOLATION" : "ERR_MESSAGE_TOO_LARGE",
    `message ${JSON.stringify(String.fromCharCode(tag))} announces ${announced} bytes` +
      (isTooShort ? "" : `, more than ${maxMessageBytes}`),
  );
}
