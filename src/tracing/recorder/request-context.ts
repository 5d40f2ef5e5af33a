/** The place of a request in its client's trace, as sqlcommenter writes it into a comment of the SQL. */
import { FrontendTag, HEADER_BYTES, asBuffer, lengthAt } from "../../postgres/index.ts";
import { parseTraceParent } from "../index.ts";
import type { TraceContext } from "../index.ts";

const MARK = Buffer.from("traceparent");
const COMMENT_BEGIN = Buffer.from("/*");
const COMMENT_END = Buffer.from("*/");

/** Names and values, both percent-encoded, the values in quotes. */
const PAIR = /(?:^|[\s,])([^\s,='"]+)\s*=\s*'((?:[^'\\]|\\.)*)'/g;

/** `traceparent='00-...-01'` within a comment. */
const MIN_COMMENT_BYTES = 73;

/** A comment that is longer than this is none of sqlcommenter's. */
const MAX_COMMENT_BYTES = 8 * 1024;

/**
 * The context in a comment of the first SQL text in messages of a client; of several such comments the last counts,
 * because sqlcommenter appends. What looks like one within a literal is taken for one. Values that are bound are not
 * looked at.
 */
export function requestContext(messages: Uint8Array): TraceContext | undefined {
  const end = messages.length;
  let at = 0;
  while (at + HEADER_BYTES <= end) {
    const next = at + 1 + lengthAt(messages, at + 1);
    const tag = messages[at];
    const hasText = tag === FrontendTag.Query || tag === FrontendTag.Parse;
    if (hasText) return contextIn(asBuffer(messages), at, Math.min(next, end));
    if (next <= at + 1) return undefined;
    at = next;
  }
  return undefined;
}

/** Most texts have none: that is seen without making anything. */
function contextIn(bytes: Buffer, from: number, to: number): TraceContext | undefined {
  if (to - from < HEADER_BYTES + MIN_COMMENT_BYTES) return undefined;
  const at = bytes.indexOf(MARK, from);
  return at < 0 || at >= to ? undefined : commentContext(bytes.subarray(from, to));
}

function commentContext(text: Buffer): TraceContext | undefined {
  const at = text.lastIndexOf(MARK);
  const begin = text.lastIndexOf(COMMENT_BEGIN, at);
  if (begin < 0) return undefined;
  const end = text.indexOf(COMMENT_END, begin + COMMENT_BEGIN.length);
  if (end < at || end - begin > MAX_COMMENT_BYTES) return undefined;
  const pairs = new Map<string, string>();
  const comment = text.toString("latin1", begin + COMMENT_BEGIN.length, end);
  for (const [, name = "", value = ""] of comment.matchAll(PAIR)) pairs.set(name, decoded(value));
  const parent = pairs.get("traceparent");
  return parent === undefined ? undefined : parseTraceParent(parent, pairs.get("tracestate"));
}

/** Quotes are escaped by a backslash on top of the percent-encoding. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll("\\'", "'"));
  } catch {
    // A percent sign of its own: then the value is not encoded.
    return value;
  }
}
