/**
 * Asks an idle, logged-in server one question outside of any session: a reset, a ping, whose
 * password is what, which settings a session has changed. Without values it is a simple Query, with
 * values a batch of the extended protocol.
 *
 * States: `asked` -> `answered` by ReadyForQuery. An error of the statement is a part of the answer.
 */
import { GatewayError } from "../errors.ts";
import type { Connection } from "../net/index.ts";
import {
  BackendTag,
  copyFail,
  FrontendWriter,
  readCommandComplete,
  readDataRow,
  readErrorResponse,
  readParameterStatus,
  readReadyForQuery,
} from "../postgres/index.ts";
import type { Notice } from "../postgres/index.ts";
import type { ConversationOptions } from "./conversation.ts";
import { MessageConversation } from "./message-conversation.ts";

export interface SimpleQueryOptions extends ConversationOptions {
  /** The most a server may answer. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Of $1, $2, ...: the text is one statement then. */
  readonly values?: readonly string[];
}

/** What a server answered to all statements of the Query together. */
export interface SimpleAnswer {
  /** Values as text, columns in their order; NULL is null. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** What each statement did: `SELECT 2`. None for an empty query. */
  readonly tags: readonly string[];
  /** What the server said against it; the statements before it have their rows and tags. */
  readonly error: Notice | undefined;
  /** The parameters it reported meanwhile. */
  readonly parameters: ReadonlyMap<string, string>;
  /** One of `TransactionStatus`. */
  readonly status: number;
}

const DEFAULT_MAX_BYTES = 1024 * 1024;

/**
 * Sends the text and awaits the whole answer. The connection goes back then to the handler it had.
 * A COPY is answered with an error from our side, and what COPY sends us is dropped.
 * @param text one or more statements, or none: an empty query asks for nothing but a sign of life
 * @throws GatewayError ERR_SERVER_LOST, ERR_SERVER_TIMEOUT, ERR_MESSAGE_TOO_LARGE (the answer),
 *   ERR_PROTOCOL_VIOLATION, ERR_SHUTTING_DOWN (the signal). The connection is closed then.
 */
export function runSimpleQuery(
  connection: Connection,
  text: string,
  options: SimpleQueryOptions,
): Promise<SimpleAnswer> {
  return new SimpleQuery(connection, text, options).converse();
}

class SimpleQuery extends MessageConversation<SimpleAnswer> {
  readonly #text: string;
  readonly #values: readonly string[] | undefined;
  readonly #rows: (string | null)[][] = [];
  readonly #tags: string[] = [];
  readonly #parameters = new Map<string, string>();
  #error: Notice | undefined;

  constructor(connection: Connection, text: string, options: SimpleQueryOptions) {
    super(connection, "answering a query", options.maxBytes ?? DEFAULT_MAX_BYTES, options);
    this.#text = text;
    this.#values = options.values;
  }

  protected override begin(): void {
    const writer = new FrontendWriter();
    if (this.#values === undefined) writer.query(this.#text);
    else writeBatch(writer, this.#text, this.#values);
    this.connection.write(writer.take());
  }

  protected override message(tag: number, message: Uint8Array): void {
    switch (tag) {
      case BackendTag.DataRow:
        this.#rows.push(readDataRow(message).map(textOf));
        break;
      case BackendTag.CommandComplete:
        this.#tags.push(readCommandComplete(message));
        break;
      case BackendTag.ErrorResponse:
        this.#error = readErrorResponse(message);
        break;
      case BackendTag.ParameterStatus: {
        const { name, value } = readParameterStatus(message);
        this.#parameters.set(name, value);
        break;
      }
      case BackendTag.CopyInResponse:
        this.connection.write(copyFail("COPY is not possible here"));
        break;
      case BackendTag.ReadyForQuery:
        this.#answered(readReadyForQuery(message));
        break;
      default:
        if (this.#values !== undefined && OF_A_BATCH.has(tag)) break;
        if (!HAS_NOTHING_FOR_US.has(tag)) throw this.#unexpected(tag);
    }
  }

  protected override failureOf(thrown: unknown): GatewayError {
    const { code, message } = GatewayError.from(thrown);
    return new GatewayError(code, this.describe(message), { cause: thrown });
  }

  /** A server that ends a session says why before it closes. */
  protected override get lastWords(): string | undefined {
    return this.#error && `${this.#error.code} ${this.#error.message}`;
  }

  #answered(status: number): void {
    this.finish({
      rows: this.#rows,
      tags: this.#tags,
      error: this.#error,
      parameters: this.#parameters,
      status,
    });
  }

  #unexpected(tag: number): GatewayError {
    const name = JSON.stringify(String.fromCharCode(tag));
    return new GatewayError("ERR_PROTOCOL_VIOLATION", `message ${name} answers no simple query`);
  }
}

const HAS_NOTHING_FOR_US: ReadonlySet<number> = new Set([
  BackendTag.RowDescription,
  BackendTag.EmptyQueryResponse,
  BackendTag.NoticeResponse,
  BackendTag.NotificationResponse,
  BackendTag.CopyOutResponse,
  BackendTag.CopyData,
  BackendTag.CopyDone,
]);

const OF_A_BATCH: ReadonlySet<number> = new Set([
  BackendTag.ParseComplete,
  BackendTag.BindComplete,
]);

/** Everything by its unnamed name, values and results as text. */
function writeBatch(writer: FrontendWriter, text: string, values: readonly string[]): void {
  writer.parse({ name: "", text, parameterTypes: [] });
  writer.bind({ portal: "", statement: "", parameterFormats: [], values, resultFormats: [] });
  writer.execute({ portal: "", maxRows: 0 }).sync();
}

function textOf(value: Uint8Array | null): string | null {
  return value === null
    ? null
    : Buffer.from(value.buffer, value.byteOffset, value.length).toString();
}
