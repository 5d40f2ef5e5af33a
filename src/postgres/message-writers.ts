/** Messages the gateway itself sends, as bytes (PostgreSQL manual, 54.7). */
import { ERROR_TABLE } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { BackendTag, FrontendTag } from "./message-types.ts";
import type { Notice } from "./notice-views.ts";
import { CANCEL_REQUEST_CODE } from "./startup-packet.ts";

/** What an ErrorResponse says (PostgreSQL manual, 54.8 Error and Notice Message Fields). */
export interface ErrorFields {
  readonly severity: "ERROR" | "FATAL";
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** Answers to SSLRequest and GSSENCRequest. */
export const SSL_ACCEPTED = Buffer.from("S");
export const ENCRYPTION_REFUSED = Buffer.from("N");

export function errorResponse(fields: ErrorFields): Uint8Array {
  const parts = [
    `S${fields.severity}`,
    `V${fields.severity}`,
    `C${fields.sqlState}`,
    `M${fields.message}`,
  ];
  if (fields.detail !== undefined) parts.push(`D${fields.detail}`);
  if (fields.hint !== undefined) parts.push(`H${fields.hint}`);
  return message(BackendTag.ErrorResponse, Buffer.from(`${parts.join("\0")}\0\0`));
}

/** What a server said to somebody else, all of it, as the last words to a client. */
export function fatalResponse({ fields }: Notice): Uint8Array {
  const parts = [...fields].map(([letter, text]) =>
    letter === "S" || letter === "V" ? `${letter}FATAL` : `${letter}${text}`,
  );
  return message(BackendTag.ErrorResponse, Buffer.from(`${parts.join("\0")}\0\0`));
}

/** The ErrorResponse a client gets for one of our error codes. */
export function errorResponseFor(code: ErrorCode, severity: "ERROR" | "FATAL"): Uint8Array {
  const { sqlState, clientMessage } = ERROR_TABLE[code];
  return errorResponse({ severity, sqlState, message: clientMessage });
}

/** @param transactionStatus one of `TransactionStatus` */
export function readyForQuery(transactionStatus: number): Uint8Array {
  return message(BackendTag.ReadyForQuery, Uint8Array.of(transactionStatus));
}

export function copyFail(reason: string): Uint8Array {
  return message(FrontendTag.CopyFail, Buffer.from(`${reason}\0`));
}

/** @param key process id and secret, as BackendKeyData gave them; up to 260 bytes since 3.2 */
export function cancelRequest(key: Uint8Array): Uint8Array {
  const packet = Buffer.alloc(8 + key.length);
  packet.writeInt32BE(packet.length, 0);
  packet.writeInt32BE(CANCEL_REQUEST_CODE, 4);
  packet.set(key, 8);
  return packet;
}

function message(tag: number, body: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(5 + body.length);
  bytes[0] = tag;
  bytes.writeInt32BE(4 + body.length, 1);
  bytes.set(body, 5);
  return bytes;
}
