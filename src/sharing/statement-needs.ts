/** What a statement is made of, and so what must be known of a database before it may be shared there. */
import { CollectedNeeds } from "./collected-needs.ts";
import type { StatementNeeds, WrittenName } from "./collected-needs.ts";
import { SYNTAX_NODES } from "./syntax-nodes.ts";

/** @returns the reason in words when the statement must not be shared, whatever the catalogue says */
export function statementNeeds(tree: unknown): StatementNeeds | string {
  const walk = new NeedsWalk();
  try {
    walk.statement(tree);
  } catch (thrown) {
    if (thrown instanceof Exclusive) return thrown.message;
    throw thrown;
  }
  if (walk.needs.count > MAX_NAMES) return "too many names";
  // Kept for long: without the maps.
  const { relations, functions, operators, types, fields } = walk.needs;
  return { relations, functions, operators, types, fields };
}

class Exclusive extends Error {}

type Node = Readonly<Record<string, unknown>>;
/** The names that WITH gives, innermost first. */
type Scope = { readonly name: string; readonly outer: Scope } | undefined;

const MAX_DEPTH = 400;
/** What the catalogue is asked for at most. */
const MAX_NAMES = 200;
/** A name is written into a query: nothing in it that any setting could read otherwise. */
const PLAIN_NAME = /^[\x20-\x5b\x5d-\x7e]{1,63}$/;

class NeedsWalk {
  readonly needs = new CollectedNeeds();
  #scope: Scope;
  #depth = 0;

  statement(tree: unknown): void {
    const statements = listOf(isNode(tree) ? tree["stmts"] : undefined);
    const [first] = statements;
    if (statements.length !== 1 || !isNode(first)) throw new Exclusive("not one statement");
    const [kind, select] = kindOf(first["stmt"]);
    if (kind !== "SelectStmt") throw new Exclusive(`a ${kind}`);
    this.#node(kind, select);
  }

  #nodes(value: unknown): void {
    for (const each of listOf(value)) {
      // DISTINCT, and what a function in FROM has no column definitions by, is an empty node.
      if (isNode(each) && Object.keys(each).length === 0) continue;
      const [kind, node] = kindOf(each);
      this.#node(kind, node);
    }
  }

  #node(kind: string, node: Node): void {
    const scope = this.#scope;
    if (++this.#depth > MAX_DEPTH) throw new Exclusive("nested too deeply");
    this.#collect(kind, node);
    const fields = SYNTAX_NODES.get(kind);
    if (fields === undefined) throw new Exclusive(`a ${kind}`);
    // WITH comes last in a SelectStmt, and its names count in all of it.
    if ("withClause" in node) this.#with(node["withClause"]);
    for (const [name, value] of Object.entries(node)) {
      if (name === "location" || name === "withClause") continue;
      const content = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (content === undefined) throw new Exclusive(`${name} of a ${kind}`);
      if (content === "nodes") this.#nodes(value);
      else if (content !== "value") this.#node(content.kind, nodeOf(value));
    }
    this.#depth--;
    this.#scope = scope;
  }

  #with(value: unknown): void {
    const clause = nodeOf(value);
    const ctes = listOf(clause["ctes"]);
    const isRecursive = clause["recursive"] === true;
    if (isRecursive) for (const cte of ctes) this.#addToScope(cte);
    for (const cte of ctes) {
      const [kind, node] = kindOf(cte);
      const [queryKind] = kindOf(node["ctequery"]);
      if (queryKind !== "SelectStmt") throw new Exclusive(`a ${queryKind} in WITH`);
      this.#node(kind, node);
      if (!isRecursive) this.#addToScope(cte);
    }
  }

  #addToScope(cte: unknown): void {
    const [, node] = kindOf(cte);
    this.#scope = { name: stringOf(node["ctename"]), outer: this.#scope };
  }

  #isInScope(name: string): boolean {
    for (let scope = this.#scope; scope !== undefined; scope = scope.outer) {
      if (scope.name === name) return true;
    }
    return false;
  }

  #collect(kind: string, node: Node): void {
    switch (kind) {
      case "RangeVar":
        return this.#relation(node);
      case "FuncCall":
        return this.#function(node);
      case "TypeName":
        return this.#type(node);
      case "A_Expr":
        return this.#expression(node);
      case "SubLink":
        return this.#subLink(node);
      case "CaseExpr":
        return this.#case(node);
      case "JoinExpr":
        if ("usingClause" in node || node["isNatural"] === true) this.#operator("=", 0);
        return;
      case "ColumnRef":
        return this.#fieldsOf(listOf(node["fields"]).slice(1));
      case "A_Indirection":
        return this.#fieldsOf(listOf(node["indirection"]));
    }
  }

  #relation(node: Node): void {
    const schema = node["schemaname"] === undefined ? undefined : stringOf(node["schemaname"]);
    const name = stringOf(node["relname"]);
    if (schema === undefined && this.#isInScope(name)) return;
    this.needs.addRelation(checked({ schema, name }));
  }

  #function(node: Node): void {
    const args = [...listOf(node["args"]), ...listOf(node["agg_order"])];
    const untyped = args.filter(isUntyped).length;
    this.needs.addFunction({ ...checked(nameOf(node["funcname"])), untyped });
  }

  #type(node: Node): void {
    this.needs.addType(checked(nameOf(node["names"])));
  }

  #expression(node: Node): void {
    const untyped = countUntyped(node["lexpr"], node["rexpr"]);
    if (stringOf(node["kind"]).includes("BETWEEN")) {
      for (const name of BETWEEN_OPERATORS) this.#operator(name, untyped);
    } else {
      this.#writtenOperator(node["name"], untyped);
    }
  }

  #subLink(node: Node): void {
    const untyped = countUntyped(node["testexpr"]);
    if ("operName" in node) this.#writtenOperator(node["operName"], untyped);
    // IN.
    else if ("testexpr" in node) this.#operator("=", untyped);
  }

  #case(node: Node): void {
    if (!("arg" in node)) return;
    for (const each of listOf(node["args"])) {
      const [, when] = kindOf(each);
      this.#operator("=", countUntyped(node["arg"], when["expr"]));
    }
  }

  #writtenOperator(written: unknown, untyped: number): void {
    const { schema, name } = nameOf(written);
    if (schema === undefined) this.#operator(name, untyped);
    else if (schema !== "pg_catalog") throw new Exclusive(`an operator of ${schema}`);
  }

  #operator(name: string, untyped: number): void {
    this.needs.addOperator({ ...checked({ schema: undefined, name }), untyped });
  }

  #fieldsOf(written: readonly unknown[]): void {
    for (const each of written) {
      const [kind, node] = kindOf(each);
      if (kind !== "String") continue;
      this.needs.addField(checked({ schema: undefined, name: stringOf(node["sval"]) }).name);
    }
  }
}

const BETWEEN_OPERATORS = ["<", "<=", ">", ">="];

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nodeOf(value: unknown): Node {
  if (!isNode(value)) throw new Exclusive("a tree of another shape");
  return value;
}

/** A node that says its kind: an object with one key. */
function kindOf(value: unknown): readonly [kind: string, node: Node] {
  const [entry, ...others] = Object.entries(nodeOf(value));
  if (entry === undefined || others.length > 0) throw new Exclusive("a tree of another shape");
  return [entry[0], nodeOf(entry[1])];
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function stringOf(value: unknown): string {
  if (typeof value !== "string") throw new Exclusive("a tree of another shape");
  return value;
}

/** `name` or `schema.name`, of a list of String nodes. */
function nameOf(value: unknown): WrittenName {
  const parts = listOf(value).map((part) => {
    const [kind, node] = kindOf(part);
    return stringOf(kind === "String" ? node["sval"] : undefined);
  });
  const [first, second, ...others] = parts;
  if (first === undefined || others.length > 0) throw new Exclusive("a name of many parts");
  return second === undefined
    ? { schema: undefined, name: first }
    : { schema: first, name: second };
}

function checked(name: WrittenName): WrittenName {
  for (const part of [name.schema ?? name.name, name.name]) {
    if (!PLAIN_NAME.test(part)) throw new Exclusive("a name with odd characters");
  }
  return name;
}

function countUntyped(...operands: readonly unknown[]): number {
  return operands.filter(isUntyped).length;
}

/** Whether it is, or has in it, what takes its type from its surroundings. */
function isUntyped(value: unknown): boolean {
  if (value === undefined) return false;
  if (Array.isArray(value)) return value.some(isUntyped);
  const [kind, node] = kindOf(value);
  switch (kind) {
    case "A_Const":
      return !("ival" in node || "fval" in node || "boolval" in node || "bsval" in node);
    case "ParamRef":
      return true;
    case "CollateClause":
    case "NamedArgExpr":
      return isUntyped(node["arg"]);
    case "SortBy":
      return isUntyped(node["node"]);
    case "List":
      return isUntyped(node["items"]);
    case "RowExpr":
      return isUntyped(node["args"]);
    default:
      return false;
  }
}
