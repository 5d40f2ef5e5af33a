/** Writes the messages of a server, named as in the PostgreSQL manual, 54.7. */
import { AuthenticationCode } from "./authentication-view.ts";
import type {
  BackendKeyData,
  FieldDescription,
  NegotiateProtocolVersion,
} from "./backend-views.ts";
import { BackendTag } from "./message-types.ts";
import { MessageWriter } from "./message-writer.ts";

/** What a NoticeResponse of the gateway says. */
export interface NoticeFields {
  readonly severity: "WARNING" | "NOTICE" | "DEBUG" | "INFO" | "LOG";
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** A column that is of no table. */
export type ColumnDescription = Pick<FieldDescription, "name" | "typeOid" | "typeSize" | "format">;

/** The type `text`, whose values may have any length. */
const TEXT = { typeOid: 25, typeSize: -1, format: 0 } as const;

/**
 * Every method writes one message behind those before it, and may be chained:
 * `new BackendWriter().parseComplete().bindComplete().take()`.
 *
 * All throw GatewayError: ERR_PROTOCOL_VIOLATION for a text with a zero byte, ERR_MESSAGE_TOO_LARGE
 * for more than the format can hold.
 */
export class BackendWriter extends MessageWriter {
  authenticationOk(): this {
    return this.#authentication(AuthenticationCode.Ok).end();
  }

  authenticationCleartextPassword(): this {
    return this.#authentication(AuthenticationCode.CleartextPassword).end();
  }

  /** @param salt four bytes */
  authenticationMd5Password(salt: Uint8Array): this {
    return this.#authentication(AuthenticationCode.Md5Password).raw(salt).end();
  }

  authenticationSasl(mechanisms: readonly string[]): this {
    this.#authentication(AuthenticationCode.Sasl);
    for (const mechanism of mechanisms) this.string(mechanism);
    return this.uint8(0).end();
  }

  authenticationSaslContinue(data: Uint8Array): this {
    return this.#authentication(AuthenticationCode.SaslContinue).raw(data).end();
  }

  authenticationSaslFinal(data: Uint8Array): this {
    return this.#authentication(AuthenticationCode.SaslFinal).raw(data).end();
  }

  negotiateProtocolVersion(answer: NegotiateProtocolVersion): this {
    this.begin(BackendTag.NegotiateProtocolVersion).int32(answer.protocolVersion);
    this.int32(answer.unrecognizedOptions.length);
    for (const option of answer.unrecognizedOptions) this.string(option);
    return this.end();
  }

  parameterStatus(name: string, value: string): this {
    return this.begin(BackendTag.ParameterStatus).string(name).string(value).end();
  }

  backendKeyData({ processId, secretKey }: BackendKeyData): this {
    return this.begin(BackendTag.BackendKeyData).int32(processId).raw(secretKey).end();
  }

  parseComplete(): this {
    return this.begin(BackendTag.ParseComplete).end();
  }

  bindComplete(): this {
    return this.begin(BackendTag.BindComplete).end();
  }

  closeComplete(): this {
    return this.begin(BackendTag.CloseComplete).end();
  }

  noData(): this {
    return this.begin(BackendTag.NoData).end();
  }

  portalSuspended(): this {
    return this.begin(BackendTag.PortalSuspended).end();
  }

  emptyQueryResponse(): this {
    return this.begin(BackendTag.EmptyQueryResponse).end();
  }

  /** A column by its name alone is of type text. */
  rowDescription(columns: readonly (string | ColumnDescription)[]): this {
    this.begin(BackendTag.RowDescription).count(columns);
    for (const column of columns) {
      const { name, typeOid, typeSize, format } =
        typeof column === "string" ? { name: column, ...TEXT } : column;
      this.string(name).int32(0).int16(0);
      this.int32(typeOid).int16(typeSize).int32(-1).int16(format);
    }
    return this.end();
  }

  /** @param types object ids */
  parameterDescription(types: readonly number[]): this {
    this.begin(BackendTag.ParameterDescription).count(types);
    for (const type of types) this.int32(type);
    return this.end();
  }

  /** One value for each column, as text or as bytes in the format of the column. */
  dataRow(values: readonly (Uint8Array | string | null)[]): this {
    this.begin(BackendTag.DataRow).count(values);
    for (const value of values) this.value(value);
    return this.end();
  }

  /** @param tag what was done, and to how many rows: `SELECT 2` */
  commandComplete(tag: string): this {
    return this.begin(BackendTag.CommandComplete).string(tag).end();
  }

  noticeResponse({ severity, sqlState, message, detail, hint }: NoticeFields): this {
    this.begin(BackendTag.NoticeResponse);
    this.#field("S", severity).#field("V", severity).#field("C", sqlState).#field("M", message);
    if (detail !== undefined) this.#field("D", detail);
    if (hint !== undefined) this.#field("H", hint);
    return this.uint8(0).end();
  }

  #authentication(code: number): this {
    return this.begin(BackendTag.Authentication).int32(code);
  }

  #field(letter: string, text: string): this {
    return this.uint8(letter.charCodeAt(0)).string(text);
  }
}
