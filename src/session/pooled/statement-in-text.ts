/**
 * DEALLOCATE and EXECUTE by SQL, of statements that were prepared by messages: how drivers without a
 * Close of their own get rid of them.
 */

/** Where a text names a statement. */
export interface NameInText {
  readonly isDeallocate: boolean;
  /** As the protocol would name it; one byte a character. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

const NAMED =
  /^\s*(?:(deallocate(?:\s+prepare)?)|execute)\s+("(?:[^"]|"")+"|[a-z_\x80-\xff][\w$\x80-\xff]*)/i;

/** Undefined when the text does not begin with one of the two. */
export function nameInText(text: string): NameInText | undefined {
  const match = NAMED.exec(text);
  const written = match?.[2];
  if (match === null || written === undefined) return undefined;
  const isQuoted = written.startsWith('"');
  return {
    isDeallocate: match[1] !== undefined,
    name: isQuoted ? written.slice(1, -1).replaceAll('""', '"') : lowerCase(written),
    from: match[0].length - written.length,
    to: match[0].length,
  };
}

/** Of ASCII letters only: the others depend on the server's encoding and locale. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
