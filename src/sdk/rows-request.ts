import type { BindMessage, ExecuteMessage, FormatCode } from "../postgres/index.ts";
import type { ClientMessage } from "./client-messages.ts";
import type { RowsReply } from "./replies.ts";

/** What a request says of the rows that it wants. */
export interface RowsRequest {
  /** One for each column. */
  readonly formats: readonly FormatCode[];
  /** Of the statement's parameters, as far as the client tells; the others are taken for text. */
  readonly parameterTypes: readonly number[];
}

const TEXT: FormatCode = 0;
const BINARY: FormatCode = 1;
const TEXT_TYPE = 25;

/** Messages of a batch that say nothing of what is executed. */
const OTHERS: ReadonlySet<ClientMessage["type"]> = new Set(["Describe", "Close", "Flush", "Sync"]);

/**
 * Reads a request that these rows can answer: one Query, or a batch in which one portal is bound and executed, and
 * nothing is prepared but, maybe, the unnamed statement that it is of. Whatever else a batch leaves behind would be
 * looked for at the server later, and not be there.
 *
 * @throws TypeError when it is any other
 */
export function rowsRequest(messages: readonly ClientMessage[], reply: RowsReply): RowsRequest {
  const results = messages.filter(({ type }) => type === "Query" || type === "Execute");
  if (results.length !== 1) {
    throw new TypeError(`rows answer one Query or Execute, and the request has ${results.length}`);
  }
  if (results[0]?.type === "Query") {
    const other = messages.find(({ type }) => type !== "Query" && !OTHERS.has(type));
    if (other !== undefined) throw new TypeError(`rows are no answer to ${other.type}`);
    return { formats: reply.columns.map(() => TEXT), parameterTypes: [] };
  }
  return batchRequest(messages, reply);
}

function batchRequest(messages: readonly ClientMessage[], reply: RowsReply): RowsRequest {
  let declared: readonly number[] | undefined;
  let bound: BindMessage | undefined;
  for (const message of messages) {
    switch (message.type) {
      case "Parse":
        if (message.fields.name !== "") {
          throw new TypeError("rows cannot answer a batch that prepares a statement for later");
        }
        if (declared !== undefined || bound !== undefined) {
          throw new TypeError("rows answer one statement, and the batch has another one");
        }
        declared = message.fields.parameterTypes;
        break;
      case "Bind":
        if (bound !== undefined) {
          throw new TypeError("rows answer one statement, and the batch binds two");
        }
        if (declared !== undefined && message.fields.statement !== "") {
          throw new TypeError("the batch executes another statement than it prepares");
        }
        bound = message.fields;
        break;
      case "Execute":
        expectWhole(message.fields, bound, reply.rows.length);
        break;
      default:
        if (!OTHERS.has(message.type)) throw new TypeError(`rows are no answer to ${message.type}`);
    }
  }
  const { resultFormats = [], values = [] } = bound ?? {};
  const parameterTypes = Array.from(
    { length: Math.max(values.length, declared?.length ?? 0) },
    // 0 is a type that the client leaves to the server.
    (_, index) => declared?.[index] || TEXT_TYPE,
  );
  return { formats: formatsFor(resultFormats, reply.columns.length), parameterTypes };
}

function expectWhole(
  { portal, maxRows }: ExecuteMessage,
  bound: BindMessage | undefined,
  rowCount: number,
): void {
  if (bound?.portal !== portal) {
    throw new TypeError("the batch executes what it has not bound");
  }
  if (maxRows > 0 && maxRows < rowCount) {
    throw new TypeError(`the client takes ${maxRows} rows at a time`);
  }
}

/** None: all text, one: for all. */
function formatsFor(formats: readonly FormatCode[], columnCount: number): readonly FormatCode[] {
  const [first = TEXT] = formats;
  if (formats.length > 1 && formats.length !== columnCount) {
    throw new TypeError(
      `the client names ${formats.length} formats, and the rows have ${columnCount} columns`,
    );
  }
  const unknown = formats.find((format) => format !== TEXT && format !== BINARY);
  if (unknown !== undefined) throw new TypeError(`there is no format ${String(unknown)}`);
  return formats.length > 1 ? formats : Array.from({ length: columnCount }, () => first);
}
