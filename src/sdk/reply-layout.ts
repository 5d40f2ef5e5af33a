/** Turns a plugin's reply into the messages that a server would answer the request with. */
import {
  BackendWriter,
  TransactionStatus,
  errorResponse as errorMessage,
  readyForQuery,
} from "../postgres/index.ts";
import type { ColumnDescription, ErrorFields, FormatCode } from "../postgres/index.ts";
import { clientMessages } from "./client-messages.ts";
import type { ClientMessage } from "./client-messages.ts";
import { formatOf } from "./column-types.ts";
import type { CellValue } from "./column-types.ts";
import type { ErrorReply, Reply, RowsReply } from "./replies.ts";
import { rowsRequest } from "./rows-request.ts";
import type { SessionTransactionStatus } from "./session.ts";

const STATUS_BYTES: Readonly<Record<SessionTransactionStatus, number>> = {
  idle: TransactionStatus.Idle,
  inTransaction: TransactionStatus.InTransaction,
  failed: TransactionStatus.Failed,
};

const BINARY: FormatCode = 1;

/**
 * The reply as messages, in the place of a server's whole answer to `request`.
 *
 * @throws TypeError when the request is none that rows can answer; see `rowsRequest`
 */
export function layOut(
  reply: Reply,
  request: Uint8Array,
  status: SessionTransactionStatus | undefined,
): Uint8Array {
  const messages = clientMessages(request);
  const ready = readyForQuery(STATUS_BYTES[status ?? "idle"]);
  return reply.kind === "error"
    ? layOutError(reply, messages, ready)
    : layOutRows(reply, messages, ready);
}

function layOutError(
  reply: ErrorReply,
  messages: readonly ClientMessage[],
  ready: Uint8Array,
): Uint8Array {
  const fields: ErrorFields = {
    severity: reply.severity,
    sqlState: reply.sqlState,
    message: reply.message,
    ...(reply.detail !== undefined && { detail: reply.detail }),
    ...(reply.hint !== undefined && { hint: reply.hint }),
  };
  const error = errorMessage(fields);
  // What follows an error in a batch is void up to its Sync, which may come later.
  const endsCycle = messages.some(({ type }) => CYCLE_ENDS.has(type));
  return reply.severity === "FATAL" || !endsCycle ? error : Buffer.concat([error, ready]);
}

const CYCLE_ENDS: ReadonlySet<ClientMessage["type"]> = new Set(["Query", "Sync", "FunctionCall"]);

function layOutRows(
  reply: RowsReply,
  messages: readonly ClientMessage[],
  ready: Uint8Array,
): Uint8Array {
  const { formats, parameterTypes } = rowsRequest(messages, reply);
  const writer = new BackendWriter();
  let endsCycle = false;
  for (const message of messages) {
    switch (message.type) {
      case "Query":
        describe(writer, reply, []);
        complete(writer, reply, []);
        endsCycle = true;
        break;
      case "Parse":
        writer.parseComplete();
        break;
      case "Bind":
        writer.bindComplete();
        break;
      case "Describe":
        if (message.fields.kind === "statement") writer.parameterDescription(parameterTypes);
        describe(writer, reply, message.fields.kind === "statement" ? [] : formats);
        break;
      case "Execute":
        complete(writer, reply, formats);
        break;
      case "Close":
        writer.closeComplete();
        break;
      case "Sync":
        endsCycle = true;
        break;
      default:
    }
  }
  return endsCycle ? Buffer.concat([writer.bytes, ready]) : writer.take();
}

function describe(writer: BackendWriter, reply: RowsReply, formats: readonly FormatCode[]): void {
  writer.rowDescription(
    reply.columns.map(({ name, type }, index): ColumnDescription => {
      const { oid, size } = formatOf(type);
      return { name, typeOid: oid, typeSize: size, format: formats[index] ?? 0 };
    }),
  );
}

function complete(writer: BackendWriter, reply: RowsReply, formats: readonly FormatCode[]): void {
  const writers = reply.columns.map(({ type }, index) => {
    const { toText, toBinary = toText } = formatOf(type);
    return formats[index] === BINARY ? toBinary : toText;
  });
  const toCell = (value: CellValue, index: number): Uint8Array | string | null =>
    value === null ? null : (writers[index]?.(value) ?? null);
  for (const row of reply.rows) writer.dataRow(row.map(toCell));
  writer.commandComplete(reply.commandTag);
}
