/** Conditions and policies in CEL: checked and compiled once, then evaluated often. */
import type * as CelJs from "@marcbachmann/cel-js";
import type { ASTNode, Environment } from "@marcbachmann/cel-js";
import { findExprConstruct } from "./expr-constructs.ts";
import { lazily } from "./lazily.ts";
import { linearMatches } from "./linear-matches.ts";

const cel = lazily(() => require("@marcbachmann/cel-js") as typeof CelJs);

/** Types of the variables of an expression; a record has fields of its class, all of them texts. */
export type VariableTypes = Readonly<
  Record<string, "string" | "bool" | "map" | "list<string>" | RecordType>
>;

interface RecordType {
  /** Of the type, for errors. */
  readonly name: string;
  readonly ofClass: new (...parameters: never[]) => object;
  readonly fields: readonly string[];
}

/** Gets values of the declared variables, as fields or getters. */
export type Expression<Variables extends object> = (variables: Variables) => unknown;

export interface CompiledExpression<Variables extends object> {
  readonly run: Expression<Variables>;
  /** What it answers, `dyn` if that depends. */
  readonly type: string;
  /** Names that it uses, of variables and others. */
  readonly names: ReadonlySet<string>;
}

/** Far beyond what a person writes, far below what costs much. */
const LIMITS = {
  maxAstNodes: 2_000,
  maxDepth: 64,
  maxListElements: 500,
  maxMapEntries: 500,
  maxCallArguments: 16,
};

/** CEL's own `matches` uses the RegExp of JavaScript; no overload may take its place. */
const MATCHES = "matches";
const LINEAR_MATCHES = "matchesInLinearTime";

/** Expressions over one set of variables. */
export class ExpressionLanguage<Variables extends object> {
  readonly #environment: Environment;

  constructor(types: VariableTypes) {
    const environment = new (cel().Environment)({
      homogeneousAggregateLiterals: false,
      limits: LIMITS,
    });
    environment.registerFunction(`string.${LINEAR_MATCHES}(string): bool`, linearMatches);
    for (const [name, type] of Object.entries(types)) {
      if (typeof type === "string") {
        environment.registerVariable(name, type);
        continue;
      }
      const { name: typeName, ofClass, fields } = type;
      environment.registerType(typeName, {
        ctor: ofClass,
        fields: Object.fromEntries(fields.map((field) => [field, "string"])),
      });
      environment.registerVariable(name, typeName);
    }
    this.#environment = environment;
  }

  /** The expression, or what is wrong with it, and where in the text. */
  compile(text: string): CompiledExpression<Variables> | { readonly problem: string } {
    try {
      const parsed = this.#environment.parse(text);
      const names = new Set<string>();
      for (const node of nodesOf(parsed.ast)) {
        if (node.op === "id") names.add(node.args);
        // Macros evaluate the very nodes that they were written with, so that these are all there are.
        if (node.op !== "rcall" || node.args[0] !== MATCHES) continue;
        node.args[0] = LINEAR_MATCHES;
        const wrong = wrongPatternIn(node.args[2], text);
        if (wrong !== undefined) return { problem: wrong };
      }
      const { error, type } = parsed.check();
      if (error !== undefined) return { problem: problemOf(error, text) };
      return { run: (variables) => parsed(variables), type: type ?? "dyn", names };
    } catch (error) {
      return { problem: problemOf(error, text) };
    }
  }
}

/** What an evaluation threw, in one line. */
export function evaluationProblem(error: unknown): string {
  if (isOfExpression(error)) return shown(error.summary);
  return error instanceof Error ? error.message : String(error);
}

type ExpressionFault = CelJs.EvaluationError | CelJs.ParseError | CelJs.TypeError;

/** What the package throws has a summary beside its message of several lines. */
function isOfExpression(error: unknown): error is ExpressionFault {
  return error instanceof Error && "summary" in error && typeof error.summary === "string";
}

/** Of a pattern that is written down: it need not be tried to see that it is none. */
function wrongPatternIn(parameters: readonly ASTNode[], text: string): string | undefined {
  const [pattern] = parameters;
  if (pattern?.op !== "value" || typeof pattern.args !== "string") return undefined;
  try {
    linearMatches("", pattern.args);
    return undefined;
  } catch (error) {
    return `no regular expression: ${evaluationProblem(error)} (${placeIn(text, pattern.start)})`;
  }
}

function* nodesOf(root: ASTNode): Generator<ASTNode> {
  const parts: unknown[] = [root];
  while (parts.length > 0) {
    const part = parts.pop();
    if (Array.isArray(part)) parts.push(...part);
    if (!isNode(part)) continue;
    yield part;
    parts.push(part.args);
  }
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

function problemOf(error: unknown, text: string): string {
  const expr = findExprConstruct(text);
  if (expr !== undefined) {
    const { construct, celForm, offset } = expr;
    return `${construct} is Expr, and policies are CEL: write ${celForm} (${placeIn(text, offset)})`;
  }
  if (isOfExpression(error)) {
    return `${shown(error.summary)} (${placeIn(text, error.range?.start ?? 0)})`;
  }
  return evaluationProblem(error);
}

function shown(summary: string): string {
  return summary.replaceAll(LINEAR_MATCHES, MATCHES);
}

/** Line and column in the expression, both from 1. */
function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  const column = (before.at(-1)?.length ?? 0) + 1;
  return before.length === 1
    ? `at character ${column}`
    : `at line ${before.length}, character ${column} of the expression`;
}
