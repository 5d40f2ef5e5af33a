/** Writes the messages of a client, named as in the PostgreSQL manual, 54.7. */
import type {
  BindMessage,
  ExecuteMessage,
  FormatCode,
  ParseMessage,
  StatementOrPortal,
} from "./frontend-views.ts";
import { KIND_BYTES } from "./frontend-views.ts";
import { FrontendTag } from "./message-types.ts";
import { MessageWriter } from "./message-writer.ts";
import { SSL_REQUEST_CODE } from "./startup-packet.ts";

/** A Bind to write; a value given as text is sent as it is. */
export interface BindFields extends Omit<BindMessage, "values"> {
  readonly values: readonly (Uint8Array | string | null)[];
}

/**
 * Every method writes one message behind those before it, and may be chained:
 * `new FrontendWriter().parse({...}).sync().take()`.
 *
 * All throw GatewayError: ERR_PROTOCOL_VIOLATION for a text with a zero byte, ERR_MESSAGE_TOO_LARGE
 * for more than the format can hold.
 */
export class FrontendWriter extends MessageWriter {
  sslRequest(): this {
    return this.beginPacket().int32(SSL_REQUEST_CODE).end();
  }

  /** @param protocolVersion major version in the upper 16 bits, minor version in the lower */
  startupMessage(parameters: Iterable<readonly [string, string]>, protocolVersion: number): this {
    this.beginPacket().int32(protocolVersion);
    for (const [name, value] of parameters) this.string(name).string(value);
    return this.uint8(0).end();
  }

  passwordMessage(password: string): this {
    return this.begin(FrontendTag.Password).string(password).end();
  }

  saslInitialResponse(mechanism: string, data: Uint8Array | string | null): this {
    return this.begin(FrontendTag.Password).string(mechanism).value(data).end();
  }

  saslResponse(data: Uint8Array): this {
    return this.begin(FrontendTag.Password).raw(data).end();
  }

  query(text: string): this {
    return this.begin(FrontendTag.Query).string(text).end();
  }

  parse({ name, text, parameterTypes }: ParseMessage): this {
    this.begin(FrontendTag.Parse).string(name).string(text).count(parameterTypes);
    for (const type of parameterTypes) this.int32(type);
    return this.end();
  }

  bind({ portal, statement, parameterFormats, values, resultFormats }: BindFields): this {
    this.begin(FrontendTag.Bind).string(portal).string(statement);
    this.#formats(parameterFormats).count(values);
    for (const value of values) this.value(value);
    return this.#formats(resultFormats).end();
  }

  describe({ kind, name }: StatementOrPortal): this {
    return this.begin(FrontendTag.Describe).uint8(KIND_BYTES[kind]).string(name).end();
  }

  execute({ portal, maxRows }: ExecuteMessage): this {
    return this.begin(FrontendTag.Execute).string(portal).int32(maxRows).end();
  }

  close({ kind, name }: StatementOrPortal): this {
    return this.begin(FrontendTag.Close).uint8(KIND_BYTES[kind]).string(name).end();
  }

  sync(): this {
    return this.begin(FrontendTag.Sync).end();
  }

  flush(): this {
    return this.begin(FrontendTag.Flush).end();
  }

  copyDone(): this {
    return this.begin(FrontendTag.CopyDone).end();
  }

  terminate(): this {
    return this.begin(FrontendTag.Terminate).end();
  }

  #formats(formats: readonly FormatCode[]): this {
    this.count(formats);
    for (const format of formats) this.int16(format);
    return this;
  }
}
