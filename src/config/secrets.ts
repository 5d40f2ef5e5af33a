/** Replaces `${NAME}` and `file:PATH` in the values of a {@link ConfigNode} tree. */
import { readFileSync } from "node:fs";
import type { ConfigIssue } from "./config-issue.ts";
import { type ConfigNode, type Path, placedIssue, type ScalarNode } from "./config-tree.ts";
import type { Environment } from "./environment-overrides.ts";

/** Longer files are no secrets but a mistake. */
const MAX_SECRET_BYTES = 64 * 1024;

const REFERENCE = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces, in place, `${NAME}` anywhere in a value by the environment variable of that name, and a
 * value `file:PATH` by the content of the file without the line break at its end. `$${NAME}` stands
 * for `${NAME}` itself. Missing variables and files are errors, except where `isOptional` says that
 * nothing needs the value: there the text stays as it is, with a warning.
 */
export function resolveSecrets(
  root: ConfigNode,
  env: Environment,
  isOptional: (path: Path) => boolean = () => false,
): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const visit = (node: ConfigNode, path: Path): void => {
    if (node.kind === "list") node.items.forEach((item, index) => visit(item, [...path, index]));
    if (node.kind === "map") node.entries.forEach(({ value }, key) => visit(value, [...path, key]));
    if (node.kind !== "scalar" || typeof node.value !== "string") return;
    const problem = resolveScalar(node, env);
    if (problem === undefined) return;
    const severity = isOptional(path) ? "warning" : "error";
    issues.push(placedIssue(node.place, path, severity, problem));
  };
  visit(root, []);
  return issues;
}

function resolveScalar(node: ScalarNode, env: Environment): string | undefined {
  if (node.text.startsWith("file:")) {
    const path = node.text.slice("file:".length);
    try {
      const content = readFileSync(path);
      if (content.length > MAX_SECRET_BYTES) return `${path} is too large for a secret`;
      replace(node, content.toString("utf8").replace(/\r?\n$/, ""));
    } catch (error) {
      return `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`;
    }
    return undefined;
  }
  const missing: string[] = [];
  let isSecret = false;
  const text = node.text.replace(REFERENCE, (reference, escape: string, name: string) => {
    if (escape !== "") return reference.slice(1);
    const value = env[name];
    if (value === undefined) missing.push(name);
    isSecret = true;
    return value ?? reference;
  });
  if (missing.length > 0) return `environment variable ${missing.join(", ")} is not set`;
  if (isSecret) replace(node, text);
  else if (text !== node.text) node.text = node.value = text;
  return undefined;
}

function replace(node: ScalarNode, text: string): void {
  node.text = text;
  node.value = text;
  node.isSecret = true;
}
