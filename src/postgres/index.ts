/**
 * PostgreSQL's protocol: framing, the model of what a server still owes, startup, messages.
 * Pure: bytes in, facts and bytes out. No sockets, no Bun, no clock.
 * May import: errors.
 */
export { AnswerLedger } from "./answer-ledger.ts";
export { asBuffer } from "./as-buffer.ts";
export { SQL_STATE_WITHIN_BYTES, sqlStateIn } from "./answer-report.ts";
export type { AnswerReport } from "./answer-report.ts";
export { readAuthentication } from "./authentication-view.ts";
export type { Authentication } from "./authentication-view.ts";
export {
  readBackendKeyData,
  readCommandComplete,
  readCopyResponse,
  readDataRow,
  readFunctionCallResponse,
  readNegotiateProtocolVersion,
  readNotificationResponse,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
} from "./backend-views.ts";
export type {
  BackendKeyData,
  CopyResponse,
  FieldDescription,
  NegotiateProtocolVersion,
  NotificationResponse,
  ParameterStatus,
} from "./backend-views.ts";
export { BackendWriter } from "./backend-writer.ts";
export type { ColumnDescription, NoticeFields } from "./backend-writer.ts";
export { ClientStream } from "./client-stream.ts";
export { lengthAt } from "./frame-cursor.ts";
export {
  readBind,
  readClose,
  readCopyFail,
  readDescribe,
  readExecute,
  readFunctionCall,
  readParse,
  readPasswordMessage,
  readQuery,
  readSaslInitialResponse,
  readSaslResponse,
} from "./frontend-views.ts";
export type {
  BindMessage,
  ExecuteMessage,
  FormatCode,
  FunctionCallMessage,
  ParseMessage,
  SaslInitialResponse,
  StatementOrPortal,
  Value,
} from "./frontend-views.ts";
export { checkFrontendHeader } from "./frontend-header.ts";
export { FrontendWriter } from "./frontend-writer.ts";
export type { BindFields } from "./frontend-writer.ts";
export {
  BackendTag,
  FrontendTag,
  HEADER_BYTES,
  MAX_SERVER_MESSAGE_BYTES,
  TransactionStatus,
  isFrontendTag,
} from "./message-types.ts";
export { MessageSplitter, forEachMessage } from "./message-splitter.ts";
export {
  ENCRYPTION_REFUSED,
  SSL_ACCEPTED,
  cancelRequest,
  copyFail,
  errorResponse,
  errorResponseFor,
  fatalResponse,
  readyForQuery,
} from "./message-writers.ts";
export type { ErrorFields } from "./message-writers.ts";
export { readErrorResponse, readNoticeResponse } from "./notice-views.ts";
export type { Notice } from "./notice-views.ts";
export { ReportingServerStream } from "./reporting-server-stream.ts";
export { RequestUnits } from "./request-units.ts";
export type { RequestKind, RequestUnit } from "./request-units.ts";
export { ResponseParts } from "./response-parts.ts";
export type { ResponsePart } from "./response-parts.ts";
export { ServerStream } from "./server-stream.ts";
export { literalsDetour } from "./literals-detour.ts";
export type { LiteralsDetour } from "./literals-detour.ts";
export { hasMoreWords, placedStatements } from "./sql-words.ts";
export type { PlacedStatement } from "./sql-words.ts";
export {
  Settings,
  requestStatements,
  restoreStatements,
  setStatements,
  settingsQuery,
} from "./settings.ts";
export { readStartupOptions } from "./startup-options.ts";
export { mayHaveTraits } from "./trait-signs.ts";
export { MAX_READ_CHARACTERS, Trait, UNKNOWN_TRAITS, statementTraits } from "./statement-traits.ts";
export type { StatementTraits } from "./statement-traits.ts";
export { UnitGate } from "./unit-gate.ts";
export { takeFromStartup } from "./take-from-startup.ts";
export { MAX_STARTUP_BYTES, readStartupPacket, readStartupParameters } from "./startup-packet.ts";
export type { StartupPacket } from "./startup-packet.ts";
export { renameStatement, statementName } from "./statement-name.ts";
export { statementsOf } from "./statements-of.ts";
