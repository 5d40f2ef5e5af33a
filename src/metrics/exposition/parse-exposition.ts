/** Prometheus' text format (0.0.4), read strictly: what is not in it is an error, not a guess. */

import type { MetricFamily, MetricSample, MetricType } from "./metric-family.ts";

const TYPES: readonly string[] = ["counter", "gauge", "histogram", "summary", "untyped"];

/** Longest line, in characters: what is longer is no metric, and its parts need not be looked at. */
const MAX_LINE_LENGTH = 64 * 1024;

/** How much of what is wrong an error shows. */
const SHOWN_LENGTH = 60;

// A plugin may write anything: these look at each character a few times at most, whatever the line.
const META = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*)(?: (.*))?$/;
const BEGINNING = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:[ \t]*(\{)|[ \t]+)/;
const LABEL =
  /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"([^"\\]*(?:\\["\\n][^"\\]*)*)"[ \t]*(?:,|(?=\}))/y;
const LABELS_END = /[ \t]*\}/y;
const VALUE_AND_TIME = /^[ \t]*(\S+)([ \t]+-?\d+)?[ \t]*$/;
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]?Inf|NaN)$/i;

/** What the samples of these types have behind the name of the family. */
const SUFFIXES: Readonly<Partial<Record<MetricType, RegExp>>> = {
  histogram: /_(?:bucket|sum|count)$/,
  summary: /_(?:sum|count)$/,
};

interface OpenFamily {
  readonly name: string;
  help: string | undefined;
  type: MetricType | undefined;
  readonly samples: MetricSample[];
}

/**
 * The families of a text, in its order. Samples without a TYPE make a family that is `untyped`.
 *
 * @throws Error naming the line that is wrong
 */
export function parseExposition(text: string): readonly MetricFamily[] {
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line is not complete");
  const families = new Map<string, OpenFamily>();
  const seen = new Set<string>();
  for (const [index, line] of text.split("\n").entries()) {
    const fail = (problem: string): never => {
      throw new Error(`line ${index + 1}: ${problem}`);
    };
    if (line.length > MAX_LINE_LENGTH) fail(`longer than ${MAX_LINE_LENGTH} characters`);
    if (line.trim() === "") continue;
    if (line.startsWith("#")) {
      readMeta(families, line, fail);
      continue;
    }
    const sample = readSample(line, fail);
    const identity = JSON.stringify([
      sample.name,
      sample.labels.map((pair) => pair.join("=")).sort(),
    ]);
    if (seen.has(identity)) fail(`${sample.name} is there twice with the same labels`);
    seen.add(identity);
    familyOf(families, sample.name).samples.push(sample);
  }
  return [...families.values()].map(({ type = "untyped", ...family }) => ({ ...family, type }));
}

function readMeta(
  families: Map<string, OpenFamily>,
  line: string,
  fail: (problem: string) => never,
): void {
  const [, keyword, name = "", rest = ""] = META.exec(line) ?? [];
  if (keyword === undefined) {
    if (/^#\s*(?:HELP|TYPE)\b/.test(line)) fail("HELP and TYPE need the name of a metric");
    return;
  }
  const family = ensured(families, name);
  if (keyword === "HELP") {
    if (family.help !== undefined) fail(`${name} has two HELP lines`);
    family.help = rest;
    return;
  }
  if (family.type !== undefined) fail(`${name} has two TYPE lines`);
  if (family.samples.length > 0) fail(`the TYPE of ${name} comes after its samples`);
  family.type = isType(rest)
    ? rest
    : fail(`"${rest.slice(0, SHOWN_LENGTH)}" is no type of a metric`);
}

function readSample(line: string, fail: (problem: string) => never): MetricSample {
  const [beginning = "", name, brace] = BEGINNING.exec(line) ?? [];
  if (name === undefined) return fail("neither a comment nor a sample");
  const at = beginning.length;
  const { labels, end } =
    brace === undefined ? { labels: [], end: at } : readLabels(line, at, fail);
  const [, value, time = ""] = VALUE_AND_TIME.exec(line.slice(end)) ?? [];
  if (value === undefined) return fail("neither a comment nor a sample");
  if (!VALUE.test(value)) return fail(`"${value.slice(0, SHOWN_LENGTH)}" is no value`);
  return { name, labels, value: `${value}${time}` };
}

/** What is between braces; `end` is behind the closing one. */
function readLabels(
  line: string,
  start: number,
  fail: (problem: string) => never,
): { readonly labels: MetricSample["labels"]; readonly end: number } {
  const labels: (readonly [string, string])[] = [];
  const names = new Set<string>();
  let at = start;
  for (;;) {
    LABELS_END.lastIndex = at;
    if (LABELS_END.test(line)) return { labels, end: LABELS_END.lastIndex };
    LABEL.lastIndex = at;
    const [, name, value = ""] = LABEL.exec(line) ?? [];
    if (name === undefined) return fail(`no label at "${line.slice(at, at + SHOWN_LENGTH)}"`);
    if (names.has(name)) fail(`the label ${name} is there twice`);
    names.add(name);
    labels.push([name, value]);
    at = LABEL.lastIndex;
  }
}

/** The family whose TYPE says that it has such samples, or the one of this very name. */
function familyOf(families: Map<string, OpenFamily>, sampleName: string): OpenFamily {
  for (const [type, suffix] of Object.entries(SUFFIXES)) {
    const owner = families.get(sampleName.replace(suffix, ""));
    if (owner?.type === type) return owner;
  }
  return ensured(families, sampleName);
}

function ensured(families: Map<string, OpenFamily>, name: string): OpenFamily {
  const present = families.get(name);
  if (present !== undefined) return present;
  const family = { name, help: undefined, type: undefined, samples: [] };
  families.set(name, family);
  return family;
}

function isType(text: string): text is MetricType {
  return TYPES.includes(text);
}
