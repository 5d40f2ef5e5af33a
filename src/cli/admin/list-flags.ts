/** Which part of a list is asked for. */
import type { Invocation, TextFlag } from "../command.ts";

export const groupFlag: TextFlag = {
  type: "text",
  name: "group",
  description: "Only of this group",
  valueKind: "text",
};

export const blockFlag: TextFlag = {
  type: "text",
  name: "block",
  description: "Only of the blocks of this name",
  valueKind: "text",
};

/** @param fallback what holds without it */
export function limitFlag(what: string, fallback: string): TextFlag {
  return {
    type: "text",
    name: "limit",
    description: `At most so many ${what}, 0 for all`,
    defaultText: fallback,
    valueKind: "number",
  };
}

/** The path with what the flags say; those that are not given are left to the gateway. */
export function pathWith(
  path: string,
  invocation: Invocation,
  flags: readonly TextFlag[],
  more: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams(more);
  for (const flag of flags) {
    const value = invocation.arguments.text(flag) ?? flag.defaultText;
    if (value !== undefined) query.set(flag.name, value);
  }
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** How many a limit has left out, for people. */
export function restOf(shown: number, total: number): string {
  return total > shown ? `and ${total - shown} more; --limit 0 lists all\n` : "";
}
