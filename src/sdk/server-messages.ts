/** What servers say, message by message. */
import {
  BackendTag,
  TransactionStatus,
  readAuthentication,
  readBackendKeyData,
  readCommandComplete,
  readCopyResponse,
  readDataRow,
  readErrorResponse,
  readFunctionCallResponse,
  readNegotiateProtocolVersion,
  readNoticeResponse,
  readNotificationResponse,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
} from "../postgres/index.ts";
import type {
  Authentication,
  BackendKeyData,
  CopyResponse,
  FieldDescription,
  NegotiateProtocolVersion,
  Notice,
  NotificationResponse,
  ParameterStatus,
  Value,
} from "../postgres/index.ts";
import { bareViewOf, bodyOf, splitMessages, viewOf } from "./message-view.ts";
import type { MessageView, NoFields } from "./message-view.ts";
import type { SessionTransactionStatus } from "./session.ts";

/** A message of a server. `type` tells which; `Unknown` is for tags that the manual does not know. */
export type ServerMessage =
  | MessageView<"Authentication", Authentication>
  | MessageView<"BackendKeyData", BackendKeyData>
  | MessageView<"ParameterStatus", ParameterStatus>
  | MessageView<"NegotiateProtocolVersion", NegotiateProtocolVersion>
  | MessageView<"RowDescription", { readonly columns: readonly FieldDescription[] }>
  | MessageView<"ParameterDescription", { readonly types: readonly number[] }>
  | MessageView<"DataRow", { readonly values: readonly Value[] }>
  /** `tag`: what was done, and to how many rows. */
  | MessageView<"CommandComplete", { readonly tag: string }>
  | MessageView<"FunctionCallResponse", { readonly value: Value }>
  | MessageView<"ErrorResponse" | "NoticeResponse", Notice>
  | MessageView<"NotificationResponse", NotificationResponse>
  | MessageView<"CopyInResponse" | "CopyOutResponse" | "CopyBothResponse", CopyResponse>
  | MessageView<"CopyData", { readonly data: Uint8Array }>
  | MessageView<"ReadyForQuery", { readonly transactionStatus: SessionTransactionStatus }>
  | MessageView<
      | "BindComplete"
      | "CloseComplete"
      | "CopyDone"
      | "EmptyQueryResponse"
      | "NoData"
      | "ParseComplete"
      | "PortalSuspended",
      NoFields
    >
  | MessageView<"Unknown", { readonly data: Uint8Array }>;

const unknownView = viewOf("Unknown", bodyOf);

const VIEWS: ReadonlyMap<number, (bytes: Uint8Array) => ServerMessage> = new Map<
  number,
  (bytes: Uint8Array) => ServerMessage
>([
  [BackendTag.Authentication, viewOf("Authentication", readAuthentication)],
  [BackendTag.BackendKeyData, viewOf("BackendKeyData", readBackendKeyData)],
  [BackendTag.ParameterStatus, viewOf("ParameterStatus", readParameterStatus)],
  [
    BackendTag.NegotiateProtocolVersion,
    viewOf("NegotiateProtocolVersion", readNegotiateProtocolVersion),
  ],
  [
    BackendTag.RowDescription,
    viewOf("RowDescription", (bytes) => ({ columns: readRowDescription(bytes) })),
  ],
  [
    BackendTag.ParameterDescription,
    viewOf("ParameterDescription", (bytes) => ({ types: readParameterDescription(bytes) })),
  ],
  [BackendTag.DataRow, viewOf("DataRow", (bytes) => ({ values: readDataRow(bytes) }))],
  [
    BackendTag.CommandComplete,
    viewOf("CommandComplete", (bytes) => ({ tag: readCommandComplete(bytes) })),
  ],
  [
    BackendTag.FunctionCallResponse,
    viewOf("FunctionCallResponse", (bytes) => ({ value: readFunctionCallResponse(bytes) })),
  ],
  [BackendTag.ErrorResponse, viewOf("ErrorResponse", readErrorResponse)],
  [BackendTag.NoticeResponse, viewOf("NoticeResponse", readNoticeResponse)],
  [BackendTag.NotificationResponse, viewOf("NotificationResponse", readNotificationResponse)],
  [BackendTag.CopyInResponse, viewOf("CopyInResponse", readCopyResponse)],
  [BackendTag.CopyOutResponse, viewOf("CopyOutResponse", readCopyResponse)],
  [BackendTag.CopyBothResponse, viewOf("CopyBothResponse", readCopyResponse)],
  [BackendTag.CopyData, viewOf("CopyData", bodyOf)],
  [BackendTag.ReadyForQuery, viewOf("ReadyForQuery", readStatus)],
  [BackendTag.BindComplete, bareViewOf("BindComplete")],
  [BackendTag.CloseComplete, bareViewOf("CloseComplete")],
  [BackendTag.CopyDone, bareViewOf("CopyDone")],
  [BackendTag.EmptyQueryResponse, bareViewOf("EmptyQueryResponse")],
  [BackendTag.NoData, bareViewOf("NoData")],
  [BackendTag.ParseComplete, bareViewOf("ParseComplete")],
  [BackendTag.PortalSuspended, bareViewOf("PortalSuspended")],
]);

/**
 * The messages of a response.
 * @throws GatewayError ERR_PROTOCOL_VIOLATION when it is not whole messages
 */
export function serverMessages(response: Uint8Array): readonly ServerMessage[] {
  return splitMessages(response, (tag, bytes) => (VIEWS.get(tag) ?? unknownView)(bytes));
}

function readStatus(bytes: Uint8Array): { readonly transactionStatus: SessionTransactionStatus } {
  const status = readReadyForQuery(bytes);
  if (status === TransactionStatus.InTransaction) return { transactionStatus: "inTransaction" };
  return { transactionStatus: status === TransactionStatus.Failed ? "failed" : "idle" };
}
