/** Checks a {@link ConfigNode} tree against a schema and says what is wrong in words and places. */
import type * as z from "zod";
import type { ConfigIssue } from "./config-issue.ts";
import { type ConfigNode, isNull, issueAt, nodeAt, type Path } from "./config-tree.ts";
import { suggestion } from "./nearest-key.ts";
import type { KeySpec } from "./schema/index.ts";

/** Enough for the deepest nesting: each round removes one level at least. */
const MAX_ROUNDS = 10;

export interface Validation<T> {
  readonly issues: readonly ConfigIssue[];
  /**
   * The parsed value. After errors: what is left without the faulty keys, so that further checks
   * can still tell their part; undefined if nothing is.
   */
  readonly value: T | undefined;
}

/** All issues of a tree, and its value. */
export function validateTree<S extends z.ZodType>(
  root: ConfigNode,
  schema: S,
  spec: KeySpec,
): Validation<z.output<S>> {
  const issues: ConfigIssue[] = [];
  const input = toInput(root, spec);
  // Each round removes what is faulty, which may bring up the faults of what contained it.
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const result = schema.safeParse(input);
    if (result.success) return { issues, value: result.data };
    if (round === 0) {
      issues.push(...result.error.issues.flatMap((issue) => describe(issue, root, spec)));
    }
    // From the back, so that removing an item of a list does not move those still to be removed.
    for (const issue of result.error.issues.toReversed()) {
      for (const path of faultyPaths(issue)) remove(input, path);
    }
  }
  return { issues, value: undefined };
}

/** What a schema gets for a node: texts for single values, so that each kind reads its own notation. */
function toInput(node: ConfigNode, spec: KeySpec | undefined): unknown {
  if (spec?.kind === "any") return toValue(node);
  if (node.kind === "map") {
    const entries: [string, unknown][] = [];
    for (const [key, entry] of node.entries) {
      const below = childSpec(spec, key);
      const isAbsent = isNull(entry.value) && below?.kind !== "object" && below?.kind !== "named";
      if (!isAbsent || below === undefined) {
        entries.push([key, toInput(entry.value, below)]);
      }
    }
    return Object.fromEntries(entries);
  }
  if (node.kind === "list") return node.items.map((item) => toInput(item, childSpec(spec, 0)));
  if (!isNull(node)) return spec?.kind === "list" ? splitList(node.text) : node.text;
  return spec?.kind === "object" || spec?.kind === "named" ? {} : undefined;
}

/** The parts of a list written as one text: between commas, trimmed, empty ones dropped. */
function splitList(textual: string): string[] {
  return textual
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** A node as plain data, numbers and booleans as YAML understands them. */
function toValue(node: ConfigNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(toValue);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toValue(entry.value)]));
}

/** The spec one step below; undefined for unknown keys. */
export function childSpec(spec: KeySpec | undefined, step: string | number): KeySpec | undefined {
  switch (spec?.kind) {
    case "object":
      return spec.keys.get(String(step)) ?? spec.others;
    case "named":
      return spec.value;
    case "list":
      return spec.item;
    default:
      return undefined;
  }
}

function describe(issue: z.core.$ZodIssue, root: ConfigNode, spec: KeySpec): ConfigIssue[] {
  const path = placedPath(issue.path.map(String), root);
  if (issue.code === "unrecognized_keys") {
    const parent = path.reduce<KeySpec | undefined>(childSpec, spec);
    const known = parent?.kind === "object" ? [...parent.keys.keys()] : [];
    return issue.keys.map((key) => {
      const message = `unknown key${suggestion(key, known)}`;
      return issueAt(root, [...path, key], "error", message, "key");
    });
  }
  const isKeyAtFault = issue.code === "invalid_type" && issue.expected === "never";
  const isMissing = !isKeyAtFault && nodeAt(root, path) === undefined;
  const message = isMissing ? "is required" : messageOf(issue);
  return [issueAt(root, path, "error", message, isKeyAtFault ? "key" : "value")];
}

/** The path of what the file has: parts of a list that is written as one text have no place of their own. */
function placedPath(path: readonly string[], root: ConfigNode): readonly string[] {
  const parent = path.slice(0, -1);
  const isPart = nodeAt(root, path) === undefined && nodeAt(root, parent)?.kind === "scalar";
  return isPart && path.length > 0 ? parent : path;
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_type") return issue.message;
  if (issue.expected === "object" || issue.expected === "record") return "must be a map of keys";
  return issue.expected === "array" ? "must be a list" : issue.message;
}

function faultyPaths(issue: z.core.$ZodIssue): Path[] {
  const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
}

/** Takes what is at a path out of the input; where nothing is, what lacks it. */
function remove(input: unknown, path: Path): void {
  const [step, ...rest] = path;
  if (step === undefined || typeof input !== "object" || input === null) return;
  const container = input as Record<string | number, unknown>; // plain data made by toInput
  const child = container[step];
  const isHere = rest.length === 0 || (rest.length === 1 && !has(child, rest[0]));
  if (!isHere) remove(child, rest);
  else if (Array.isArray(input)) input.splice(Number(step), 1);
  else delete container[step];
}

function has(value: unknown, key: string | number | undefined): boolean {
  return typeof value === "object" && value !== null && key !== undefined && key in value;
}
