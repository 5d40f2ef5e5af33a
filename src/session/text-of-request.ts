import { FrontendTag, HEADER_BYTES, asBuffer, lengthAt } from "../postgres/index.ts";

/** The first byte of a Describe of a statement. */
const STATEMENT_KIND = 0x53;

/** What begins a transaction, and asks for nothing else. */
const BEGIN = /^\s*(?:begin|start\s+transaction)\b/i;

/**
 * What is asked by the first message of a piece, as far as that has come; undefined for a statement that is not
 * known here, and for messages without one. Of a batch that begins a transaction, as drivers have it sent in front of
 * what they were asked for, it is what comes then.
 *
 * @param named the text of a prepared statement, whose name is given with one byte a character
 */
export function textOfRequest(
  piece: Uint8Array,
  named: (name: string) => string | undefined,
): string | undefined {
  const bytes = asBuffer(piece);
  const first = textAt(bytes, 0, named);
  const isOfBatch = bytes[0] === FrontendTag.Parse || bytes[0] === FrontendTag.Bind;
  if (first === undefined || !isOfBatch || !BEGIN.test(first)) return first;
  for (let at = endOfMessage(bytes, 0); at < bytes.length; at = endOfMessage(bytes, at)) {
    if (bytes[at] === FrontendTag.Sync) break;
    const text = textAt(bytes, at, named);
    if (text !== undefined && !BEGIN.test(text)) return text;
  }
  return first;
}

/** What the message says that begins there. */
function textAt(
  bytes: Buffer,
  at: number,
  named: (name: string) => string | undefined,
): string | undefined {
  const body = at + HEADER_BYTES;
  if (bytes.length < body) return undefined;
  const end = Math.min(bytes.length, endOfMessage(bytes, at));
  switch (bytes[at]) {
    case FrontendTag.Query:
      return bytes.toString("utf8", body, zeroByteIn(bytes, body, end));
    case FrontendTag.Parse: {
      const from = zeroByteIn(bytes, body, end) + 1;
      return bytes.toString("utf8", from, zeroByteIn(bytes, from, end));
    }
    case FrontendTag.Bind:
      return named(nameIn(bytes, zeroByteIn(bytes, body, end) + 1, end));
    case FrontendTag.Describe: {
      const isOfStatement = bytes[body] === STATEMENT_KIND;
      return isOfStatement ? named(nameIn(bytes, body + 1, end)) : undefined;
    }
    default:
      return undefined;
  }
}

/** At least behind its header. */
function endOfMessage(bytes: Buffer, at: number): number {
  const isThere = at + HEADER_BYTES <= bytes.length;
  return at + Math.max(HEADER_BYTES, isThere ? 1 + lengthAt(bytes, at + 1) : 0);
}

function nameIn(bytes: Buffer, from: number, end: number): string {
  return bytes.toString("latin1", from, zeroByteIn(bytes, from, end));
}

/** Where what begins there ends: `end` where no zero byte has come. */
function zeroByteIn(bytes: Buffer, from: number, end: number): number {
  const at = bytes.indexOf(0, from);
  return at < 0 || at > end ? end : at;
}
