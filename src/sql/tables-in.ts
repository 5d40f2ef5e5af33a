/** Which relations the statements of a tree name. */
import type { SqlNode, SqlTree } from "./sql-reader.ts";

/** The names that WITH gives where a node is, innermost first. */
type Scope = { readonly name: string; readonly outer: Scope } | undefined;

/** What is still to be looked at. */
interface Place {
  readonly value: unknown;
  readonly scope: Scope;
}

/** Objects whose names are names of relations. */
const RELATIONS: ReadonlySet<unknown> = new Set([
  "OBJECT_TABLE",
  "OBJECT_VIEW",
  "OBJECT_MATVIEW",
  "OBJECT_FOREIGN_TABLE",
  "OBJECT_SEQUENCE",
  "OBJECT_INDEX",
]);

/** Objects that belong to a relation, whose name stands in front of their own. */
const PARTS_OF_RELATIONS: ReadonlySet<unknown> = new Set([
  "OBJECT_COLUMN",
  "OBJECT_TRIGGER",
  "OBJECT_RULE",
  "OBJECT_POLICY",
  "OBJECT_TABCONSTRAINT",
]);

/** Where a RangeVar is no relation: what FOR UPDATE locks are aliases, and CREATE TYPE names a type. */
const OTHER_NAMES: ReadonlySet<string> = new Set(["lockedRels", "typevar"]);

/** @returns each relation once, in the order of the text; those that DROP and COMMENT name, behind the others */
export function tablesIn(tree: SqlTree): readonly string[] {
  const walk = new TableWalk();
  for (const { stmt } of tree.stmts) walk.take(stmt);
  return walk.names();
}

/** Keeps its own list of places, not the stack's: trees are as deep as their texts are long. */
class TableWalk {
  readonly #found: { readonly name: string; readonly location: number }[] = [];
  readonly #places: Place[] = [];

  take(statement: SqlNode): void {
    this.#places.push({ value: statement, scope: undefined });
    for (let place = this.#places.pop(); place !== undefined; place = this.#places.pop()) {
      this.#look(place);
    }
  }

  names(): readonly string[] {
    const inOrder = this.#found.toSorted((one, other) => one.location - other.location);
    return [...new Set(inOrder.map(({ name }) => name))];
  }

  #look({ value, scope }: Place): void {
    if (Array.isArray(value)) {
      for (const each of value) this.#places.push({ value: each, scope });
    } else if (isNode(value)) {
      this.#node(value, scope);
    }
  }

  #node(node: SqlNode, outer: Scope): void {
    if (typeof node["relname"] === "string") return this.#relation(node);
    this.#objects(node);
    const scope = isNode(node["withClause"]) ? this.#with(node["withClause"], outer) : outer;
    for (const [key, value] of Object.entries(node)) {
      if (key === "withClause" || OTHER_NAMES.has(key)) continue;
      // With its kind in front it stands where a name of WITH may stand. Without, it is what a statement changes.
      if (key === "RangeVar" && isNode(value) && isInScope(value, scope)) continue;
      this.#places.push({ value, scope });
    }
  }

  /** @returns the scope of the statement that the clause belongs to */
  #with(clause: SqlNode, outer: Scope): Scope {
    const ctes = listOf(clause["ctes"]).map((each) => contentOf(each, "CommonTableExpr"));
    const isRecursive = clause["recursive"] === true;
    let scope = outer;
    const queries: Place[] = [];
    for (const cte of ctes) {
      queries.push({ value: cte["ctequery"], scope });
      scope = { name: String(cte["ctename"]), outer: scope };
    }
    for (const query of queries) this.#places.push(isRecursive ? { ...query, scope } : query);
    return scope;
  }

  #relation(node: SqlNode): void {
    const { schemaname, relname, location } = node;
    this.#found.push({
      name: written([schemaname, relname]),
      location: typeof location === "number" ? location : 0,
    });
  }

  /** DROP, COMMENT, SECURITY LABEL, ALTER EXTENSION: names as lists of their parts. */
  #objects(node: SqlNode): void {
    const type = node["removeType"] ?? node["objtype"];
    const isPart = PARTS_OF_RELATIONS.has(type);
    if (!isPart && !RELATIONS.has(type)) return;
    for (const object of [...listOf(node["objects"]), ...listOf(node["object"])]) {
      const parts = listOf(contentOf(object, "List")["items"]).map(
        (part) => contentOf(part, "String")["sval"],
      );
      const relation = isPart ? parts.slice(0, -1) : parts;
      if (relation.length > 0) this.#found.push({ name: written(relation), location: Infinity });
    }
  }
}

function isInScope(node: SqlNode, scope: Scope): boolean {
  if (node["schemaname"] !== undefined) return false;
  for (let at = scope; at !== undefined; at = at.outer) {
    if (at.name === node["relname"]) return true;
  }
  return false;
}

/** `name` or `schema.name`; the database that may stand in front is always the own one. */
function written(parts: readonly unknown[]): string {
  return parts
    .filter((part) => typeof part === "string")
    .slice(-2)
    .map((part) => (/[."]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part))
    .join(".");
}

function isNode(value: unknown): value is SqlNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** The fields of a node of that kind; none of another. */
function contentOf(value: unknown, kind: string): SqlNode {
  const content = isNode(value) ? value[kind] : undefined;
  return isNode(content) ? content : {};
}
