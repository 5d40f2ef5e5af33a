/** The names that a server's errors speak of are not those that the client gave its statements. */
import { STATEMENT_PREFIX } from "../../backend/index.ts";
import { HEADER_BYTES } from "../../postgres/index.ts";

/** Finds the name of a statement of ours in a text. */
export const OUR_NAME = new RegExp(`${STATEMENT_PREFIX}[0-9]+`);
const OUR_NAMES = new RegExp(OUR_NAME, "g");

/**
 * The same message in the names that the client knows.
 * @param clientsName of one of ours; one byte a character
 */
export function inClientsNames(
  message: Uint8Array,
  clientsName: (ours: string) => string | undefined,
): Uint8Array {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  if (!bytes.includes(STATEMENT_PREFIX)) return message;
  const body = bytes
    .toString("latin1", HEADER_BYTES)
    .replaceAll(OUR_NAMES, (name) => clientsName(name) ?? name);
  const changed = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  changed[0] = bytes[0] ?? 0;
  changed.writeInt32BE(body.length + 4, 1);
  changed.write(body, HEADER_BYTES, "latin1");
  return changed;
}
