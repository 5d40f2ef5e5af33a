/**
 * The kinds of single values a configuration key can have.
 *
 * Values arrive as text, from a file or from the environment alike, or as numbers and booleans from
 * a program; each kind says in its own words what it expects. `.prefault(...)` gives a default in
 * the notation of the files.
 */
import * as z from "zod";
import { BYTE_SIZE_PATTERN, parseByteSize } from "./byte-size.ts";
import { DURATION_PATTERN, parseDuration } from "./duration.ts";
import { type KeyInfo, note } from "./key-info.ts";

type Single = string | number | boolean;

/** A value as read, or what is wrong with it. */
type Reading<T> = { readonly value: T } | { readonly problem: string };

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** The words that mean a boolean, as in YAML 1.1, in any case. */
const BOOLEAN_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "on", "y", "1"].map((word) => [word, true] as const),
  ...["false", "no", "off", "n", "0"].map((word) => [word, false] as const),
]);

function scalar<T>(info: KeyInfo, read: (input: Single) => Reading<T>) {
  const schema = z.unknown().transform((input, context): T => {
    const reading: Reading<T> =
      typeof input === "string" || typeof input === "number" || typeof input === "boolean"
        ? read(input)
        : { problem: input === undefined ? "is required" : "must be a single value" };
    if ("value" in reading) return reading.value;
    context.issues.push({ code: "custom", message: reading.problem, input });
    return z.NEVER;
  });
  return note(schema, info);
}

/** `True`, `false`, `yes`, `off`, ... */
export function boolean() {
  return scalar({ scalar: "boolean", jsonSchema: { type: "boolean" } }, (input) => {
    const value = BOOLEAN_WORDS.get(String(input).toLowerCase());
    return value === undefined
      ? { problem: `must be true or false, not ${quote(input)}` }
      : { value };
  });
}

/** A whole number within a range. */
export function integer({ min = 0, max = Number.MAX_SAFE_INTEGER }: Range = {}) {
  const jsonSchema = {
    type: "integer",
    minimum: min,
    ...(max < Number.MAX_SAFE_INTEGER && { maximum: max }),
  };
  return scalar({ scalar: "integer", jsonSchema }, (input) => {
    const value = toNumber(input);
    if (!Number.isSafeInteger(value)) {
      return { problem: `must be a whole number, not ${quote(input)}` };
    }
    return inRange(value, { min, max });
  });
}

/** A number, fractions allowed. */
export function number({ min = 0, max = Number.MAX_VALUE }: Range = {}) {
  return scalar({ scalar: "number", jsonSchema: { type: "number", minimum: min } }, (input) => {
    const value = toNumber(input);
    if (!Number.isFinite(value)) return { problem: `must be a number, not ${quote(input)}` };
    return inRange(value, { min, max });
  });
}

/** Any text; `check` may say what is wrong with one. */
export function text(check: (value: string) => string | undefined = () => undefined) {
  return scalar({ scalar: "text", jsonSchema: { type: "string" } }, (input) => {
    const value = String(input);
    const problem = check(value);
    return problem === undefined ? { value } : { problem };
  });
}

/** A check for {@link text}. */
export function notEmpty(value: string): string | undefined {
  return value === "" ? "must not be empty" : undefined;
}

/** One name, or a list of them. */
export function names() {
  const jsonSchema = {
    anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1 }],
  };
  return note(z.array(text(notEmpty)), { isSingleOrList: true, jsonSchema });
}

/** A duration; the value is milliseconds. */
export function duration() {
  const jsonSchema = {
    anyOf: [
      { type: "string", pattern: DURATION_PATTERN },
      { type: "integer", minimum: 0, description: "nanoseconds" },
    ],
  };
  return scalar({ scalar: "duration", jsonSchema }, (input) => {
    const value = typeof input === "boolean" ? undefined : parseDuration(input);
    if (value === undefined) {
      return { problem: `must be a duration such as 1m30s or 500ms, not ${quote(input)}` };
    }
    return value < 0 ? { problem: "must not be negative" } : { value };
  });
}

/** A size; the value is bytes. */
export function byteSize({ min = 0, max = Number.MAX_SAFE_INTEGER }: Range = {}) {
  const jsonSchema = {
    anyOf: [
      { type: "string", pattern: BYTE_SIZE_PATTERN },
      { type: "integer", minimum: min },
    ],
  };
  return scalar({ scalar: "size", jsonSchema }, (input) => {
    const value = typeof input === "boolean" ? undefined : parseByteSize(input);
    if (value === undefined) {
      return { problem: `must be a size such as 64KiB or 1GiB, not ${quote(input)}` };
    }
    return inRange(value, { min, max });
  });
}

/** Permission bits in octal: `0777`, `777` and `0o777` are the same. */
export function fileMode() {
  const jsonSchema = {
    anyOf: [
      { type: "string", pattern: "^(0o?)?[0-7]{3,4}$" },
      { type: "integer", minimum: 0 },
    ],
  };
  return scalar({ scalar: "mode", jsonSchema }, (input) => {
    const digits = /^(?:0o?)?([0-7]{1,4})$/.exec(String(input))?.[1];
    return digits === undefined
      ? { problem: `must be permission bits in octal such as 0770, not ${quote(input)}` }
      : { value: Number.parseInt(digits, 8) };
  });
}

/** One of `choices`. Those `refused` are known, and each is an error that says why. */
export function choice<const C extends readonly string[]>(
  choices: C,
  { refused = {} }: { refused?: Readonly<Record<string, string>> } = {},
) {
  const info = { scalar: "choice", choices, jsonSchema: { enum: choices } } as const;
  return scalar<C[number]>(info, (input) => {
    const value = choices.find((candidate) => candidate === input);
    if (value !== undefined) return { value };
    const word = String(input);
    const reason = refused[word];
    if (reason !== undefined) return { problem: reason };
    const known = choices.filter((candidate) => candidate !== "");
    return { problem: `must be one of ${known.join(", ")}, not ${quote(input)}` };
  });
}

function quote(input: Single): string {
  return typeof input === "string" ? `"${input}"` : String(input);
}

function toNumber(input: Single): number {
  if (typeof input === "number") return input;
  return typeof input === "string" && input.trim() !== "" ? Number(input) : Number.NaN;
}

function inRange(value: number, { min, max }: Required<Range>): Reading<number> {
  if (value < min) return { problem: `must be at least ${min}` };
  return value > max ? { problem: `must be at most ${max}` } : { value };
}
