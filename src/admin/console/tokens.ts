/** The words of the console's language: cut as PostgreSQL cuts SQL, with no more kinds than are needed. */
import { GatewayError } from "../../errors.ts";

/** `quoted`: an identifier in `"`; `string`: a text in `'`; `symbol`: any other character. */
export interface Token {
  readonly kind: "word" | "quoted" | "string" | "symbol";
  /** Of a word in lower case; of what is quoted what it stands for. */
  readonly text: string;
}

/** Spaces and comments; one between `/*` and its end has no other inside. */
const BLANK = /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)+/y;
/** Names may have a dash inside, as those of blocks do; two of them begin a comment. */
const WORD = /[\p{L}\p{N}_](?:[\p{L}\p{N}_$:]|-(?!-))*/uy;
const QUOTED = /"((?:[^"]|"")*)"/y;
const STRING = /'((?:[^']|'')*)'/y;

/** @throws GatewayError ERR_CONSOLE_SYNTAX for what is quoted and never closed */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text) ?? undefined;
    if (match !== undefined) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(BLANK);
    if (at >= text.length) return tokens;
    const word = take(WORD);
    if (word !== undefined) {
      tokens.push({ kind: "word", text: word[0].toLowerCase() });
      continue;
    }
    const quoted = take(QUOTED)?.[1];
    if (quoted !== undefined) {
      tokens.push({ kind: "quoted", text: quoted.replaceAll('""', '"') });
      continue;
    }
    const string = take(STRING)?.[1];
    if (string !== undefined) {
      tokens.push({ kind: "string", text: string.replaceAll("''", "'") });
      continue;
    }
    const [symbol = ""] = text.slice(at);
    if (symbol === '"' || symbol === "'") {
      throw new GatewayError("ERR_CONSOLE_SYNTAX", `${symbol} is never closed`);
    }
    at += symbol.length;
    tokens.push({ kind: "symbol", text: symbol });
  }
}
