/** In place of a value that must not be printed. */
export const hidden = "***";

/** A list keeps its length, and environment variables their names. */
export function hiddenItems(items: readonly unknown[]): string[] {
  return items.map((item) => `${/^[^=]+=/.exec(String(item))?.[0] ?? ""}${hidden}`);
}
