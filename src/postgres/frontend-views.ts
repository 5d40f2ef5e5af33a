/**
 * What the messages of a client say (PostgreSQL manual, 54.7), decoded when asked for. Each function
 * takes one whole message from its tag on; values are parts of it, not copies.
 *
 * All throw GatewayError ERR_PROTOCOL_VIOLATION, which names the message and the field.
 */
import { MessageReader } from "./message-reader.ts";
import { FrontendTag } from "./message-types.ts";

/** How a value is written: 0 is text, 1 binary. */
export type FormatCode = number;

/** A value as bytes, or null. */
export type Value = Uint8Array | null;

export interface ParseMessage {
  /** Of the statement; "" is the unnamed one. */
  readonly name: string;
  readonly text: string;
  /** Object ids; 0 leaves the type to the server. */
  readonly parameterTypes: readonly number[];
}

export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** None: all text. One: for all values. Else one each. */
  readonly parameterFormats: readonly FormatCode[];
  readonly values: readonly Value[];
  /** The same rule, for the columns of the result. */
  readonly resultFormats: readonly FormatCode[];
}

/** What a Describe or a Close speaks of. */
export interface StatementOrPortal {
  readonly kind: "statement" | "portal";
  readonly name: string;
}

/** The first byte of a Describe's or a Close's body. */
export const KIND_BYTES = {
  statement: 0x53, // S
  portal: 0x50, // P
} as const satisfies Record<StatementOrPortal["kind"], number>;

export interface ExecuteMessage {
  readonly portal: string;
  /** 0 is no limit. */
  readonly maxRows: number;
}

export interface FunctionCallMessage {
  /** Object id of the function. */
  readonly functionOid: number;
  readonly argumentFormats: readonly FormatCode[];
  readonly arguments: readonly Value[];
  readonly resultFormat: FormatCode;
}

export interface SaslInitialResponse {
  readonly mechanism: string;
  readonly data: Value;
}

export function readQuery(message: Uint8Array): string {
  return readText(message, FrontendTag.Query, "Query", "text");
}

export function readParse(message: Uint8Array): ParseMessage {
  const reader = new MessageReader(message, FrontendTag.Parse, "Parse");
  const name = reader.string("name");
  const text = reader.string("text");
  const parameterTypes = reader.list(4, "parameter types", (field) => reader.uint32(field));
  reader.end();
  return { name, text, parameterTypes };
}

export function readBind(message: Uint8Array): BindMessage {
  const reader = new MessageReader(message, FrontendTag.Bind, "Bind");
  const portal = reader.string("portal");
  const statement = reader.string("statement");
  const parameterFormats = reader.list(2, "parameter formats", (field) => reader.int16(field));
  const values = reader.list(4, "values", (field) => reader.value(field));
  const resultFormats = reader.list(2, "result formats", (field) => reader.int16(field));
  reader.end();
  return { portal, statement, parameterFormats, values, resultFormats };
}

export function readDescribe(message: Uint8Array): StatementOrPortal {
  return readStatementOrPortal(new MessageReader(message, FrontendTag.Describe, "Describe"));
}

export function readClose(message: Uint8Array): StatementOrPortal {
  return readStatementOrPortal(new MessageReader(message, FrontendTag.Close, "Close"));
}

export function readExecute(message: Uint8Array): ExecuteMessage {
  const reader = new MessageReader(message, FrontendTag.Execute, "Execute");
  const portal = reader.string("portal");
  const maxRows = reader.int32("max rows");
  reader.end();
  return { portal, maxRows };
}

export function readFunctionCall(message: Uint8Array): FunctionCallMessage {
  const reader = new MessageReader(message, FrontendTag.FunctionCall, "FunctionCall");
  const functionOid = reader.uint32("function");
  const argumentFormats = reader.list(2, "argument formats", (field) => reader.int16(field));
  const values = reader.list(4, "arguments", (field) => reader.value(field));
  const resultFormat = reader.int16("result format");
  reader.end();
  return { functionOid, argumentFormats, arguments: values, resultFormat };
}

/** Why the client gives up its COPY. */
export function readCopyFail(message: Uint8Array): string {
  return readText(message, FrontendTag.CopyFail, "CopyFail", "reason");
}

/** The password, or its md5 hash. */
export function readPasswordMessage(message: Uint8Array): string {
  return readText(message, FrontendTag.Password, "PasswordMessage", "password");
}

export function readSaslInitialResponse(message: Uint8Array): SaslInitialResponse {
  const reader = new MessageReader(message, FrontendTag.Password, "SASLInitialResponse");
  const mechanism = reader.string("mechanism");
  const data = reader.value("data");
  reader.end();
  return { mechanism, data };
}

export function readSaslResponse(message: Uint8Array): Uint8Array {
  return new MessageReader(message, FrontendTag.Password, "SASLResponse").rest();
}

function readText(message: Uint8Array, tag: number, name: string, field: string): string {
  const reader = new MessageReader(message, tag, name);
  const text = reader.string(field);
  reader.end();
  return text;
}

function readStatementOrPortal(reader: MessageReader): StatementOrPortal {
  const kind = kindOf(reader.uint8("kind"));
  if (kind === undefined) throw reader.violation("kind");
  const name = reader.string("name");
  reader.end();
  return { kind, name };
}

function kindOf(byte: number): StatementOrPortal["kind"] | undefined {
  if (byte === KIND_BYTES.statement) return "statement";
  if (byte === KIND_BYTES.portal) return "portal";
  return undefined;
}
