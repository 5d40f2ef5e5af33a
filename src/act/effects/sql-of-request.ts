/** The SQL in a piece of a client's traffic. */
import { GatewayError } from "../../errors.ts";
import {
  FrontendTag,
  HEADER_BYTES,
  hasMoreWords,
  lengthAt,
  placedStatements,
  readParse,
  readQuery,
} from "../../postgres/index.ts";

/** The text of a Query, or those of all Parse messages of a batch. */
export function sqlTextsOf(request: Uint8Array): readonly string[] {
  // Anything but a startup packet begins with a letter; that has its length there, which is short.
  if ((request[0] ?? 0) === 0) return [];
  const texts: string[] = [];
  for (let at = 0; at + HEADER_BYTES <= request.length;) {
    const end = at + 1 + Math.max(lengthAt(request, at + 1), 4);
    const text = textOf(request.subarray(at, end));
    if (text !== undefined) texts.push(text);
    at = end;
  }
  return texts;
}

function textOf(message: Uint8Array): string | undefined {
  try {
    if (message[0] === FrontendTag.Query) return readQuery(message);
    if (message[0] === FrontendTag.Parse) return readParse(message).text;
    return undefined;
  } catch (thrown) {
    // The server refuses it as well.
    if (thrown instanceof GatewayError) return undefined;
    throw thrown;
  }
}

/** Texts of more words are not told apart: that would hold up everybody. A million words take about 0.1 s. */
const MAX_WORDS = 200_000;
/** What is behind makes no other fingerprint. */
const FINGERPRINT_CHARACTERS = 64 * 1024;

/**
 * The statements of a text, each on one line: see `ConditionInput.statements`.
 * @throws Error when there are too many words: the one who asks forbids what they may hide
 */
export function statementsOf(sql: string): readonly string[] {
  if (hasMoreWords(sql, MAX_WORDS)) throw new Error(`the SQL has more than ${MAX_WORDS} words`);
  return placedStatements(sql).map(({ words }) => words.join(" "));
}

/** What statements that differ in their values only have in common. Of a long text its beginning counts. */
export function fingerprintOf(sql: string): string {
  const statements = placedStatements(sql.slice(0, FINGERPRINT_CHARACTERS)).map(({ words }) =>
    words.map((word) => (VALUE.test(word) ? "?" : word)).join(" "),
  );
  return statements.join("; ");
}

/** A string, also one that nobody closes, or what stands for one in dollar quotes. */
const VALUE = /^(?:[ebxn]|u&)?'|^\$\$$/i;

/** Tags of the messages that ask the server for something; others end it or belong to a COPY. */
const WORK_TAGS: ReadonlySet<number | undefined> = new Set([
  FrontendTag.Query,
  FrontendTag.Parse,
  FrontendTag.Bind,
  FrontendTag.Describe,
  FrontendTag.Execute,
  FrontendTag.FunctionCall,
]);

/** Whether a piece of a client's traffic asks the server for work: a query, a batch, a function call. */
export function asksForWork(request: Uint8Array): boolean {
  return WORK_TAGS.has(request[0]);
}
