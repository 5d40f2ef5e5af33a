/**
 * The tags of PostgreSQL's messages, named as in the manual
 * (https://www.postgresql.org/docs/18/protocol-message-formats.html). A tag is the first byte of a
 * message; a length of four bytes follows, which counts itself but not the tag.
 */

/** Bytes in front of a message's body: tag and length. */
export const HEADER_BYTES = 5;

/** Longest message of a server: PostgreSQL builds none in more than 1 GiB of memory. */
export const MAX_SERVER_MESSAGE_BYTES = 0x4000_0000;

/** Messages of the client. */
export const FrontendTag = {
  Bind: 0x42, // B
  Close: 0x43, // C
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyFail: 0x66, // f
  Describe: 0x44, // D
  Execute: 0x45, // E
  Flush: 0x48, // H
  FunctionCall: 0x46, // F
  Parse: 0x50, // P
  /** PasswordMessage, SASLInitialResponse, SASLResponse, GSSResponse. */
  Password: 0x70, // p
  Query: 0x51, // Q
  Sync: 0x53, // S
  Terminate: 0x58, // X
} as const;

/** Messages of the server. */
export const BackendTag = {
  Authentication: 0x52, // R
  BackendKeyData: 0x4b, // K
  BindComplete: 0x32, // 2
  CloseComplete: 0x33, // 3
  CommandComplete: 0x43, // C
  CopyBothResponse: 0x57, // W
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyInResponse: 0x47, // G
  CopyOutResponse: 0x48, // H
  DataRow: 0x44, // D
  EmptyQueryResponse: 0x49, // I
  ErrorResponse: 0x45, // E
  FunctionCallResponse: 0x56, // V
  NegotiateProtocolVersion: 0x76, // v
  NoData: 0x6e, // n
  NoticeResponse: 0x4e, // N
  NotificationResponse: 0x41, // A
  ParameterDescription: 0x74, // t
  ParameterStatus: 0x53, // S
  ParseComplete: 0x31, // 1
  PortalSuspended: 0x73, // s
  ReadyForQuery: 0x5a, // Z
  RowDescription: 0x54, // T
} as const;

/** Transaction status as ReadyForQuery tells it. */
export const TransactionStatus = {
  Idle: 0x49, // I
  InTransaction: 0x54, // T
  Failed: 0x45, // E
} as const;

const FRONTEND_TAGS: ReadonlySet<number> = new Set(Object.values(FrontendTag));

export function isFrontendTag(tag: number): boolean {
  return FRONTEND_TAGS.has(tag);
}
