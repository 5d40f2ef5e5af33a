/** SQL that names prepared statements: EXECUTE, DEALLOCATE, PREPARE, also within EXPLAIN and CREATE TABLE AS. */
import { MAX_READ_CHARACTERS, placedStatements } from "../../postgres/index.ts";
import type { PlacedStatement } from "../../postgres/index.ts";

/** Where a text names a statement, and what for. */
export interface NameInText {
  readonly verb: "execute" | "deallocate" | "prepare";
  /** As the protocol would name it; one byte a character. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Of a text that is too long to be read ({@link MAX_READ_CHARACTERS}) nothing is known.
 * @param text one byte a character
 */
export function namesInText(text: string): readonly NameInText[] {
  if (text.length > MAX_READ_CHARACTERS) return [];
  return placedStatements(text).flatMap((statement) => nameIn(text, statement) ?? []);
}

/** The same text with other names. */
export function withNames(text: string, newName: (found: NameInText) => string): string {
  let renamed = "";
  let at = 0;
  for (const found of namesInText(text)) {
    renamed += text.slice(at, found.from) + newName(found);
    at = found.to;
  }
  return renamed + text.slice(at);
}

function nameIn(text: string, { words, places }: PlacedStatement): NameInText | undefined {
  const [verb, second] = words;
  switch (verb) {
    case "execute":
      return named("execute", 1);
    case "deallocate":
      return named("deallocate", second === "prepare" && words.length > 2 ? 2 : 1);
    case "prepare":
      // PREPARE TRANSACTION 'id' belongs to two-phase commit.
      return second === "transaction" ? undefined : named("prepare", 1);
    case "explain":
    case "create": {
      const at = words.lastIndexOf("execute");
      const isOf = at > 0 && (verb === "explain" || words[at - 1] === "as");
      return isOf ? named("execute", at + 1) : undefined;
    }
    default:
      return undefined;
  }

  function named(what: NameInText["verb"], index: number): NameInText | undefined {
    const word = words[index];
    const from = places[index];
    if (word === undefined || from === undefined) return undefined;
    if (what === "deallocate" && word === "all") return undefined;
    const to = from + word.length;
    return { verb: what, name: identifier(text.slice(from, to)), from, to };
  }
}

/** Letters other than ASCII's depend on the server's encoding and locale: they stay. */
function identifier(written: string): string {
  if (written.startsWith('"')) return written.slice(1, -1).replaceAll('""', '"');
  return written.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
