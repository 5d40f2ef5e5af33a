/**
 * What the messages of a server say (PostgreSQL manual, 54.7), decoded when asked for; for
 * Authentication, ErrorResponse and NoticeResponse see the files beside. Each function takes one
 * whole message from its tag on; values are parts of it, not copies.
 *
 * All throw GatewayError ERR_PROTOCOL_VIOLATION, which names the message and the field.
 */
import type { FormatCode, Value } from "./frontend-views.ts";
import { MessageReader } from "./message-reader.ts";
import { BackendTag, TransactionStatus } from "./message-types.ts";

/** Bytes of the secret in BackendKeyData: four up to protocol 3.0, up to 256 since 3.2. */
const SECRET_KEY_BYTES = { min: 4, max: 256 } as const;

export interface ParameterStatus {
  readonly name: string;
  readonly value: string;
}

export interface BackendKeyData {
  readonly processId: number;
  readonly secretKey: Uint8Array;
}

export interface NegotiateProtocolVersion {
  /**
   * What the server speaks, as in a StartupMessage: major version in the upper half, minor in the
   * lower. The manual tells of the minor alone, but PostgreSQL sends, and libpq expects, both.
   */
  readonly protocolVersion: number;
  /** Names of `_pq_.` parameters that the server does not know. */
  readonly unrecognizedOptions: readonly string[];
}

export interface NotificationResponse {
  readonly processId: number;
  readonly channel: string;
  readonly payload: string;
}

export interface FieldDescription {
  readonly name: string;
  /** Object id of the table the column is of; 0 if it is of none. */
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  /** Bytes of a value; negative when they vary. */
  readonly typeSize: number;
  readonly typeModifier: number;
  readonly format: FormatCode;
}

export interface CopyResponse {
  /** Where the data go: from the client, to the client, or both ways. */
  readonly direction: "in" | "out" | "both";
  /** Of the data as a whole. */
  readonly format: FormatCode;
  readonly columnFormats: readonly FormatCode[];
}

/** Name, and the six numbers behind it. */
const MIN_FIELD_BYTES = 1 + 18;

export function readParameterStatus(message: Uint8Array): ParameterStatus {
  const reader = new MessageReader(message, BackendTag.ParameterStatus, "ParameterStatus");
  const name = reader.string("name");
  const value = reader.string("value");
  reader.end();
  return { name, value };
}

export function readBackendKeyData(message: Uint8Array): BackendKeyData {
  const reader = new MessageReader(message, BackendTag.BackendKeyData, "BackendKeyData");
  const processId = reader.int32("process id");
  const secretKey = reader.rest();
  const { min, max } = SECRET_KEY_BYTES;
  if (secretKey.length < min || secretKey.length > max) throw reader.violation("secret key");
  return { processId, secretKey };
}

export function readNegotiateProtocolVersion(message: Uint8Array): NegotiateProtocolVersion {
  const tag = BackendTag.NegotiateProtocolVersion;
  const reader = new MessageReader(message, tag, "NegotiateProtocolVersion");
  const protocolVersion = reader.int32("protocol version");
  const count = reader.uint32("unrecognized options");
  if (count > reader.bytesLeft) throw reader.violation("unrecognized options");
  const unrecognizedOptions: string[] = [];
  while (unrecognizedOptions.length < count) {
    unrecognizedOptions.push(reader.string("unrecognized options"));
  }
  reader.end();
  return { protocolVersion, unrecognizedOptions };
}

/** @returns one of `TransactionStatus` */
export function readReadyForQuery(message: Uint8Array): number {
  const reader = new MessageReader(message, BackendTag.ReadyForQuery, "ReadyForQuery");
  const status = reader.uint8("transaction status");
  const { Idle, InTransaction, Failed } = TransactionStatus;
  if (status !== Idle && status !== InTransaction && status !== Failed) {
    throw reader.violation("transaction status");
  }
  reader.end();
  return status;
}

/** The command tag: what was done, and to how many rows. */
export function readCommandComplete(message: Uint8Array): string {
  const reader = new MessageReader(message, BackendTag.CommandComplete, "CommandComplete");
  const tag = reader.string("tag");
  reader.end();
  return tag;
}

export function readNotificationResponse(message: Uint8Array): NotificationResponse {
  const tag = BackendTag.NotificationResponse;
  const reader = new MessageReader(message, tag, "NotificationResponse");
  const processId = reader.int32("process id");
  const channel = reader.string("channel");
  const payload = reader.string("payload");
  reader.end();
  return { processId, channel, payload };
}

export function readParameterDescription(message: Uint8Array): readonly number[] {
  const tag = BackendTag.ParameterDescription;
  const reader = new MessageReader(message, tag, "ParameterDescription");
  const types = reader.list(4, "parameter types", (field) => reader.uint32(field));
  reader.end();
  return types;
}

export function readRowDescription(message: Uint8Array): readonly FieldDescription[] {
  const reader = new MessageReader(message, BackendTag.RowDescription, "RowDescription");
  const fields = reader.list(MIN_FIELD_BYTES, "fields", (field) => ({
    name: reader.string(field),
    tableOid: reader.uint32(field),
    columnNumber: reader.int16(field),
    typeOid: reader.uint32(field),
    typeSize: reader.int16(field),
    typeModifier: reader.int32(field),
    format: reader.int16(field),
  }));
  reader.end();
  return fields;
}

export function readDataRow(message: Uint8Array): readonly Value[] {
  const reader = new MessageReader(message, BackendTag.DataRow, "DataRow");
  const values = reader.list(4, "values", (field) => reader.value(field));
  reader.end();
  return values;
}

/** Of CopyInResponse, CopyOutResponse and CopyBothResponse. */
export function readCopyResponse(message: Uint8Array): CopyResponse {
  const direction = copyDirection(message[0]);
  const reader = new MessageReader(message, message[0] ?? 0, "CopyResponse");
  if (direction === undefined) throw reader.violation("tag");
  const format = reader.uint8("format");
  const columnFormats = reader.list(2, "column formats", (field) => reader.int16(field));
  reader.end();
  return { direction, format, columnFormats };
}

/** What the function gave back. */
export function readFunctionCallResponse(message: Uint8Array): Value {
  const tag = BackendTag.FunctionCallResponse;
  const reader = new MessageReader(message, tag, "FunctionCallResponse");
  const value = reader.value("value");
  reader.end();
  return value;
}

function copyDirection(tag: number | undefined): CopyResponse["direction"] | undefined {
  if (tag === BackendTag.CopyInResponse) return "in";
  if (tag === BackendTag.CopyOutResponse) return "out";
  if (tag === BackendTag.CopyBothResponse) return "both";
  return undefined;
}
