/** `matches` in time that grows with the text only, whatever the pattern: attackers write the text. */
import type * as Re2js from "re2js";
import { lazily } from "./lazily.ts";

/** Compiled patterns that are kept; patterns are written in a configuration, so there are few. */
const MAX_PATTERNS = 200;

const patterns = new Map<string, Re2js.RE2JS>();
const re2 = lazily(() => require("re2js") as typeof Re2js);

/**
 * Whether a pattern of RE2's syntax is found somewhere in a text.
 * @throws Error when it is no pattern
 */
export function linearMatches(text: string, pattern: string): boolean {
  return patternOf(pattern).test(text);
}

function patternOf(pattern: string): Re2js.RE2JS {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = re2().RE2JS.compile(pattern);
    // A pattern may be made from the text; then none is worth keeping long.
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    patterns.set(pattern, compiled);
  }
  return compiled;
}
