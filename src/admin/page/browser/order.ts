/** How rows of a table are put in order, and which are shown. */

/** What a row is put in order by; undefined comes last, whichever way. */
export type SortValue = string | number | undefined;

export type Direction = "ascending" | "descending";

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** The rows in order; those that are equal stay as they were. */
export function inOrder<Row>(
  rows: readonly Row[],
  valueOf: (row: Row) => SortValue,
  direction: Direction,
): readonly Row[] {
  const sign = direction === "ascending" ? 1 : -1;
  return rows.toSorted((one, other) => {
    const [a, b] = [valueOf(one), valueOf(other)];
    if (a === undefined || b === undefined)
      return Number(a === undefined) - Number(b === undefined);
    return sign * compare(a, b);
  });
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return COLLATOR.compare(String(a), String(b));
}

/** Whether all the words are somewhere in the texts, in any case. */
export function matches(texts: readonly string[], words: string): boolean {
  const all = texts.join("\n").toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((one) => all.includes(one));
}
