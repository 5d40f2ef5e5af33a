/**
 * PostgreSQL's protocol: framing, the model of what a server still owes, startup, messages.
 * Pure: bytes in, facts and bytes out. No sockets, no Bun, no clock.
 * May import: errors.
 */
export { AnswerLedger } from "./answer-ledger.ts";
export { ClientStream } from "./client-stream.ts";
export {
  BackendTag,
  FrontendTag,
  HEADER_BYTES,
  MAX_SERVER_MESSAGE_BYTES,
  TransactionStatus,
} from "./message-types.ts";
export {
  ENCRYPTION_REFUSED,
  SSL_ACCEPTED,
  cancelRequest,
  copyFail,
  errorResponse,
  errorResponseFor,
  readyForQuery,
} from "./message-writers.ts";
export type { ErrorFields } from "./message-writers.ts";
export { RequestUnits } from "./request-units.ts";
export type { RequestKind, RequestUnit } from "./request-units.ts";
export { ResponseParts } from "./response-parts.ts";
export type { ResponsePart } from "./response-parts.ts";
export { ServerStream } from "./server-stream.ts";
export { MAX_STARTUP_BYTES, readStartupPacket, readStartupParameters } from "./startup-packet.ts";
export type { StartupPacket } from "./startup-packet.ts";
