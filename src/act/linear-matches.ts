/** `matches` in time that grows with the text only, whatever the pattern: attackers write the text. */
import { RE2JS } from "re2js";

/** Compiled patterns that are kept; patterns are written in a configuration, so there are few. */
const MAX_PATTERNS = 200;

const patterns = new Map<string, RE2JS>();

/**
 * Whether a pattern of RE2's syntax is found somewhere in a text.
 * @throws Error when it is no pattern
 */
export function linearMatches(text: string, pattern: string): boolean {
  return patternOf(pattern).test(text);
}

function patternOf(pattern: string): RE2JS {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = RE2JS.compile(pattern);
    // A pattern may be made from the text; then none is worth keeping long.
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    patterns.set(pattern, compiled);
  }
  return compiled;
}
