/**
 * Words such as `host=10.0.0.1 dbname='my db'`, as libpq writes them; inside of quotes `''` is a quote.
 * Undefined if it cannot be read.
 */
export function readConnectionString(text: string): ReadonlyMap<string, string> | undefined {
  const values = new Map<string, string>();
  const pair = /\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^']|'')*)'|([^\s']*))(?=\s|$)/y;
  let end = 0;
  for (let match = pair.exec(text); match !== null; match = pair.exec(text)) {
    const [, key = "", quoted, plain = ""] = match;
    values.set(key, quoted?.replaceAll("''", "'") ?? plain);
    end = pair.lastIndex;
  }
  return text.slice(end).trim() === "" ? values : undefined;
}
