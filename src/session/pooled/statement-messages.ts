/** Messages about prepared statements, put together from bytes that are at hand. */
import { ERROR_TABLE, GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import { FrontendTag, HEADER_BYTES, errorResponse } from "../../postgres/index.ts";

const ZERO = Uint8Array.of(0);
const STATEMENT = Buffer.from("S");
const PORTAL = Buffer.from("P");
/** No formats, no values, no formats of results. */
const NO_VALUES = Buffer.alloc(6);
const NO_LIMIT = Buffer.alloc(4);

/**
 * Where a name ends that begins at `from`.
 * @throws GatewayError ERR_PROTOCOL_VIOLATION when it does not before `end`
 */
export function endOfName(bytes: Buffer, from: number, end: number): number {
  // Names are short: a call of `indexOf` takes ten times as long.
  for (let at = from; at < end; at++) if (bytes[at] === 0) return at;
  throw new GatewayError("ERR_PROTOCOL_VIOLATION", "a statement's name has no end");
}

/** What a client gets that asks for what the gateway cannot do for it, with a hint. */
export function refusal(code: ErrorCode): Uint8Array {
  const { sqlState, clientMessage: message, remedy: hint } = ERROR_TABLE[code];
  return errorResponse({ severity: "ERROR", sqlState, message, hint });
}

/** @param body of a Parse from behind its name on */
export function parseMessage(name: Uint8Array, body: Uint8Array): Uint8Array {
  return message(FrontendTag.Parse, name, ZERO, body);
}

/** Of a statement, not a portal. */
export function closeMessage(name: Uint8Array): Uint8Array {
  return message(FrontendTag.Close, STATEMENT, name, ZERO);
}

export function closePortalMessage(name: Uint8Array): Uint8Array {
  return message(FrontendTag.Close, PORTAL, name, ZERO);
}

/** Without parameters, all results as text. */
export function bindMessage(portal: Uint8Array, statement: Uint8Array): Uint8Array {
  return message(FrontendTag.Bind, portal, ZERO, statement, ZERO, NO_VALUES);
}

/** To the last row. */
export function executeMessage(portal: Uint8Array): Uint8Array {
  return message(FrontendTag.Execute, portal, ZERO, NO_LIMIT);
}

export const syncMessage = message(FrontendTag.Sync);

/** @param text one byte a character */
export function queryMessage(text: string): Uint8Array {
  return message(FrontendTag.Query, Buffer.from(text, "latin1"), ZERO);
}

/**
 * A message, or the beginning of a long one, with another name in it.
 * @param at where it begins in `bytes`
 * @param end where what there is of it ends
 * @param next where it would end if all of it were there
 */
export function renamed(
  bytes: Buffer,
  at: number,
  end: number,
  next: number,
  nameFrom: number,
  nameTo: number,
  name: Uint8Array,
): Uint8Array {
  const growth = name.length - (nameTo - nameFrom);
  const changed = Buffer.allocUnsafe(end - at + growth);
  bytes.copy(changed, 0, at, nameFrom);
  changed.set(name, nameFrom - at);
  bytes.copy(changed, nameFrom - at + name.length, nameTo, end);
  changed.writeInt32BE(next - at - 1 + growth, 1);
  return changed;
}

function message(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bodyBytes = parts.reduce((sum, { length }) => sum + length, 0);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  bytes[0] = tag;
  bytes.writeInt32BE(4 + bodyBytes, 1);
  let at = HEADER_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What the server fails at in place of what the gateway refuses: it keeps the books of the batch. */
const REFUSED_TEXT = "gatewayd refused this statement";
export const refusedQuery = queryMessage(REFUSED_TEXT);
export const refusedParse = parseMessage(Buffer.alloc(0), Buffer.from(`${REFUSED_TEXT}\0\0\0`));
