/** How strings begin: bit strings and those with escapes too, and the ones between `$$` or `$tag$`. */
const STRING = /^(?:[ebx]|u&)?'|^\$(?!\d)/i;
const COMMENT = /^(?:--|\/\*)/;
const PARAMETER = /^\$\d+$/;

/**
 * Where a token is, in bytes of UTF-8. Not read as JSON: control characters stand in it as they are. Quotes do not, so
 * that no text can look like the beginning of a token.
 */
const TOKEN = /\{"start":(\d+),"end":(\d+),"text":"/g;

/**
 * The text with a parameter in the place of every string, numbered on from those it has, and without comments.
 * @param scanned what libpg-query tells of its tokens
 * @returns undefined when that is the message of an error
 */
export function withoutValues(sql: string, scanned: string): string | undefined {
  if (!scanned.startsWith('{"version":')) return undefined;
  const bytes = Buffer.from(sql);
  const tokens = Array.from(scanned.matchAll(TOKEN), ([, start, end]) => {
    const [from, to] = [Number(start), Number(end)];
    return { from, to, text: bytes.toString("utf8", from, to) };
  });
  let number = 0;
  for (const { text } of tokens) {
    if (PARAMETER.test(text)) number = Math.max(number, Number(text.slice(1)));
  }
  let result = "";
  let at = 0;
  for (const { from, to, text } of tokens) {
    const isString = STRING.test(text);
    if (!isString && !COMMENT.test(text)) continue;
    result += bytes.toString("utf8", at, from) + (isString ? `$${++number}` : " ");
    at = to;
  }
  return (result + bytes.toString("utf8", at)).trim();
}
