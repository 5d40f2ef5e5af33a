/** What clients say, message by message. */
import {
  FrontendTag,
  HEADER_BYTES,
  lengthAt,
  readBind,
  readClose,
  readCopyFail,
  readDescribe,
  readExecute,
  readFunctionCall,
  readParse,
  readQuery,
  readStartupPacket,
  readStartupParameters,
} from "../postgres/index.ts";
import type {
  BindMessage,
  ExecuteMessage,
  FunctionCallMessage,
  ParseMessage,
  StatementOrPortal,
} from "../postgres/index.ts";
import { bareViewOf, bodyOf, splitMessages, viewOf } from "./message-view.ts";
import type { MessageView, NoFields } from "./message-view.ts";

/** A message of a client. `type` tells which; `Unknown` is for tags that the manual does not know. */
export type ClientMessage =
  | MessageView<"StartupMessage", { readonly parameters: ReadonlyMap<string, string> }>
  | MessageView<"SSLRequest" | "GSSENCRequest" | "CancelRequest", NoFields>
  /** PasswordMessage, SASLInitialResponse or SASLResponse: which one, only the dialogue tells. */
  | MessageView<"Password", { readonly data: Uint8Array }>
  | MessageView<"Query", { readonly text: string }>
  | MessageView<"Parse", ParseMessage>
  | MessageView<"Bind", BindMessage>
  | MessageView<"Describe", StatementOrPortal>
  | MessageView<"Execute", ExecuteMessage>
  | MessageView<"Close", StatementOrPortal>
  | MessageView<"FunctionCall", FunctionCallMessage>
  | MessageView<"CopyData", { readonly data: Uint8Array }>
  | MessageView<"CopyFail", { readonly reason: string }>
  | MessageView<"Sync" | "Flush" | "CopyDone" | "Terminate", NoFields>
  | MessageView<"Unknown", { readonly data: Uint8Array }>;

const unknownView = viewOf("Unknown", bodyOf);

const VIEWS: ReadonlyMap<number, (bytes: Uint8Array) => ClientMessage> = new Map<
  number,
  (bytes: Uint8Array) => ClientMessage
>([
  [FrontendTag.Query, viewOf("Query", (bytes) => ({ text: readQuery(bytes) }))],
  [FrontendTag.Parse, viewOf("Parse", readParse)],
  [FrontendTag.Bind, viewOf("Bind", readBind)],
  [FrontendTag.Describe, viewOf("Describe", readDescribe)],
  [FrontendTag.Execute, viewOf("Execute", readExecute)],
  [FrontendTag.Close, viewOf("Close", readClose)],
  [FrontendTag.FunctionCall, viewOf("FunctionCall", readFunctionCall)],
  [FrontendTag.CopyData, viewOf("CopyData", bodyOf)],
  [FrontendTag.CopyFail, viewOf("CopyFail", (bytes) => ({ reason: readCopyFail(bytes) }))],
  [FrontendTag.Password, viewOf("Password", bodyOf)],
  [FrontendTag.Sync, bareViewOf("Sync")],
  [FrontendTag.Flush, bareViewOf("Flush")],
  [FrontendTag.CopyDone, bareViewOf("CopyDone")],
  [FrontendTag.Terminate, bareViewOf("Terminate")],
]);

const startupView = viewOf("StartupMessage", (bytes) => ({
  parameters: readStartupParameters(bytes),
}));
const sslRequestView = bareViewOf("SSLRequest");
const gssEncRequestView = bareViewOf("GSSENCRequest");
const cancelRequestView = bareViewOf("CancelRequest");

/**
 * The messages of a request, or its startup packet.
 * @throws GatewayError ERR_PROTOCOL_VIOLATION when it is neither
 */
export function clientMessages(request: Uint8Array): readonly ClientMessage[] {
  if (isStartupPacket(request)) return [startupPacketView(request)];
  return splitMessages(request, (tag, bytes) => (VIEWS.get(tag) ?? unknownView)(bytes));
}

/** The packet that a connection begins with has no tag, and its length is below 2^16. */
export function isStartupPacket(request: Uint8Array): boolean {
  return request.length > 0 && request[0] === 0;
}

/** SQL texts of a request's Query and Parse messages, in their order, without looking at the others. */
export function sqlTextsOf(request: Uint8Array): readonly string[] {
  const tag = request[0];
  // Most requests are a single Query.
  if (tag === FrontendTag.Query && isSingle(request)) return [readQuery(request)];
  if (isStartupPacket(request)) return [];
  const texts: string[] = [];
  for (const message of clientMessages(request)) {
    if (message.type === "Query" || message.type === "Parse") texts.push(message.fields.text);
  }
  return texts;
}

function isSingle(request: Uint8Array): boolean {
  return request.length > HEADER_BYTES && lengthAt(request, 1) === request.length - 1;
}

function startupPacketView(packet: Uint8Array): ClientMessage {
  const { kind } = readStartupPacket(packet);
  switch (kind) {
    case "sslRequest":
      return sslRequestView(packet);
    case "gssEncRequest":
      return gssEncRequestView(packet);
    case "cancelRequest":
      return cancelRequestView(packet);
    default:
      return startupView(packet);
  }
}
