import {
  HEADER_BYTES,
  readCommandComplete,
  readCopyResponse,
  readDataRow,
  readErrorResponse,
  readNegotiateProtocolVersion,
  readNoticeResponse,
  readNotificationResponse,
  readParameterDescription,
  readParameterStatus,
  readRowDescription,
} from "../../src/postgres/index.ts";

/** Longer texts are cut in what people read; what is compared is whole. */
const MAX_SHOWN = 300;

const REQUEST_NAMES: Readonly<Record<string, string>> = {
  B: "Bind",
  C: "Close",
  D: "Describe",
  E: "Execute",
  F: "FunctionCall",
  H: "Flush",
  P: "Parse",
  Q: "Query",
  S: "Sync",
  X: "Terminate",
  c: "CopyDone",
  d: "CopyData",
  f: "CopyFail",
};

/** A message of a client in one line. */
export function describeRequest(message: Uint8Array): string {
  const bytes = Buffer.from(message);
  const tag = bytes.toString("latin1", 0, 1);
  const name = REQUEST_NAMES[tag];
  if (name === undefined) return `bytes ${shown(bytes)}`;
  return bytes.length > 5 ? `${name} ${shown(bytes.subarray(5))}` : name;
}

/** A message of a server in one line: its name, and what it says. */
export function describeResponse(bytes: Buffer): string {
  if (bytes.length < HEADER_BYTES) return `bytes ${shown(bytes)}`;
  const tag = bytes.toString("latin1", 0, 1);
  const describe = RESPONSES[tag];
  if (describe === undefined) return `${JSON.stringify(tag)} ${shown(bytes.subarray(5))}`;
  try {
    return cut(describe(bytes));
  } catch (error) {
    return `${JSON.stringify(tag)} ${shown(bytes)} (${String(error)})`;
  }
}

const RESPONSES: Readonly<Record<string, (bytes: Buffer) => string>> = {
  1: () => "ParseComplete",
  2: () => "BindComplete",
  3: () => "CloseComplete",
  A: (bytes) => {
    const { channel, payload } = readNotificationResponse(bytes);
    return `NotificationResponse ${channel} ${JSON.stringify(payload)}`;
  },
  C: (bytes) => `CommandComplete ${readCommandComplete(bytes)}`,
  D: (bytes) => `DataRow ${readDataRow(bytes).map(shownValue).join(" | ")}`,
  E: (bytes) => `ErrorResponse ${fields(readErrorResponse(bytes).fields)}`,
  G: (bytes) => copyResponse(bytes),
  H: (bytes) => copyResponse(bytes),
  I: () => "EmptyQueryResponse",
  K: () => "BackendKeyData",
  N: (bytes) => `NoticeResponse ${fields(readNoticeResponse(bytes).fields)}`,
  R: (bytes) => `Authentication ${bytes.readUInt32BE(5)}`,
  S: (bytes) => {
    const { name, value } = readParameterStatus(bytes);
    return `ParameterStatus ${name} = ${JSON.stringify(value)}`;
  },
  T: (bytes) => {
    const columns = readRowDescription(bytes).map(
      ({ name, typeOid, format, tableOid }) =>
        `${name}:${typeOid}${format === 1 ? " binary" : ""}${tableOid > 0 ? ` of ${tableOid}` : ""}`,
    );
    return `RowDescription ${columns.join(", ")}`;
  },
  V: (bytes) => `FunctionCallResponse ${shown(bytes.subarray(5))}`,
  Z: (bytes) => `ReadyForQuery ${bytes.toString("latin1", 5)}`,
  c: () => "CopyDone",
  d: (bytes) => `CopyData ${shown(bytes.subarray(5))}`,
  n: () => "NoData",
  s: () => "PortalSuspended",
  v: (bytes) => {
    const { protocolVersion, unrecognizedOptions } = readNegotiateProtocolVersion(bytes);
    const version = `${protocolVersion >> 16}.${protocolVersion & 0xffff}`;
    return `NegotiateProtocolVersion ${version} ${unrecognizedOptions.join(", ")}`;
  },
  t: (bytes) => `ParameterDescription ${readParameterDescription(bytes).join(", ")}`,
};

function copyResponse(bytes: Buffer): string {
  const { direction, format, columnFormats } = readCopyResponse(bytes);
  return `Copy ${direction}, format ${format}, columns ${columnFormats.join(" ")}`;
}

/** Severity, code and message first: they are what people look for. */
function fields(all: ReadonlyMap<string, string>): string {
  const { V, C, M, ...others } = Object.fromEntries(all);
  const rest = Object.entries(others).map(([letter, value]) => `${letter}=${value}`);
  return [V ?? "", C ?? "", M ?? "", ...rest].join(" ");
}

function shownValue(value: Uint8Array | null): string {
  return value === null ? "null" : shown(Buffer.from(value));
}

/** ASCII as it is, other bytes in hexadecimal. */
function shown(bytes: Buffer): string {
  const text = bytes
    .subarray(0, MAX_SHOWN)
    .toString("latin1")
    .replaceAll(
      /[^\x20-\x7e]/g,
      (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
  return bytes.length > MAX_SHOWN ? `${text}... (${bytes.length} bytes)` : text;
}

function cut(text: string): string {
  return text.length > 2 * MAX_SHOWN ? `${text.slice(0, 2 * MAX_SHOWN)}...` : text;
}
