import { FrontendTag, HEADER_BYTES, asBuffer, lengthAt } from "../postgres/index.ts";

/** The first byte of a Describe of a statement. */
const STATEMENT_KIND = 0x53;

/**
 * What is asked by the first message of a piece, as far as that has come; undefined for a statement that is not
 * known here, and for messages without one.
 *
 * @param named the text of a prepared statement, whose name is given with one byte a character
 */
export function textOfRequest(
  piece: Uint8Array,
  named: (name: string) => string | undefined,
): string | undefined {
  if (piece.length < HEADER_BYTES) return undefined;
  const bytes = asBuffer(piece);
  const end = Math.min(bytes.length, 1 + lengthAt(bytes, 1));
  switch (bytes[0]) {
    case FrontendTag.Query:
      return bytes.toString("utf8", HEADER_BYTES, zeroByteIn(bytes, HEADER_BYTES, end));
    case FrontendTag.Parse: {
      const from = zeroByteIn(bytes, HEADER_BYTES, end) + 1;
      return bytes.toString("utf8", from, zeroByteIn(bytes, from, end));
    }
    case FrontendTag.Bind:
      return named(nameIn(bytes, zeroByteIn(bytes, HEADER_BYTES, end) + 1, end));
    case FrontendTag.Describe: {
      const isOfStatement = bytes[HEADER_BYTES] === STATEMENT_KIND;
      return isOfStatement ? named(nameIn(bytes, HEADER_BYTES + 1, end)) : undefined;
    }
    default:
      return undefined;
  }
}

function nameIn(bytes: Buffer, from: number, end: number): string {
  return bytes.toString("latin1", from, zeroByteIn(bytes, from, end));
}

/** Where what begins there ends: `end` where no zero byte has come. */
function zeroByteIn(bytes: Buffer, from: number, end: number): number {
  const at = bytes.indexOf(0, from);
  return at < 0 || at > end ? end : at;
}
