import { FrontendTag, HEADER_BYTES, lengthAt } from "../postgres/index.ts";

/** The first byte of a Describe of a statement. */
const STATEMENT_KIND = 0x53;

/**
 * What is asked by the first message of a piece, as far as that has come; undefined for a statement that is not
 * known here, and for messages without one.
 *
 * @param named the text of a prepared statement, one byte a character, as is its name
 */
export function textOfRequest(
  piece: Uint8Array,
  named: (name: string) => string | undefined,
): string | undefined {
  if (piece.length < HEADER_BYTES) return undefined;
  const message = Buffer.from(
    piece.buffer,
    piece.byteOffset,
    Math.min(piece.length, 1 + lengthAt(piece, 1)),
  );
  switch (message[0]) {
    case FrontendTag.Query:
      return textAt(message, HEADER_BYTES);
    case FrontendTag.Parse:
      return textAt(message, endOf(message, HEADER_BYTES) + 1);
    case FrontendTag.Bind:
      return prepared(message, endOf(message, HEADER_BYTES) + 1, named);
    case FrontendTag.Describe: {
      const isOfStatement = message[HEADER_BYTES] === STATEMENT_KIND;
      return isOfStatement ? prepared(message, HEADER_BYTES + 1, named) : undefined;
    }
    default:
      return undefined;
  }
}

function prepared(
  message: Buffer,
  nameFrom: number,
  named: (name: string) => string | undefined,
): string | undefined {
  const text = named(message.toString("latin1", nameFrom, endOf(message, nameFrom)));
  return text === undefined ? undefined : Buffer.from(text, "latin1").toString();
}

function textAt(message: Buffer, from: number): string {
  return message.toString("utf8", from, endOf(message, from));
}

/** Where the text that begins there ends. */
function endOf(message: Buffer, from: number): number {
  const end = message.indexOf(0, from);
  return end < 0 ? message.length : end;
}
