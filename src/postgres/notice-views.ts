/** What an ErrorResponse or a NoticeResponse says (PostgreSQL manual, 54.8). */
import { MessageReader } from "./message-reader.ts";
import { BackendTag } from "./message-types.ts";

export interface Notice {
  /** Not translated, if the server tells (field V, since 9.6), else as it shows it (S). */
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  /** All fields by their letter; a field that the server left out is "" above and missing here. */
  readonly fields: ReadonlyMap<string, string>;
}

/** @throws GatewayError ERR_PROTOCOL_VIOLATION, which names the field */
export function readErrorResponse(message: Uint8Array): Notice {
  return readNotice(new MessageReader(message, BackendTag.ErrorResponse, "ErrorResponse"));
}

/** @throws GatewayError ERR_PROTOCOL_VIOLATION, which names the field */
export function readNoticeResponse(message: Uint8Array): Notice {
  return readNotice(new MessageReader(message, BackendTag.NoticeResponse, "NoticeResponse"));
}

function readNotice(reader: MessageReader): Notice {
  const fields = new Map<string, string>();
  for (;;) {
    const type = reader.uint8("field type");
    if (type === 0) break;
    const letter = String.fromCharCode(type);
    fields.set(letter, reader.string(`field ${letter}`));
  }
  reader.end();
  return {
    severity: fields.get("V") ?? fields.get("S") ?? "",
    code: fields.get("C") ?? "",
    message: fields.get("M") ?? "",
    fields,
  };
}
