/**
 * The one query that tells whether a statement is free of effects in a database (rule by rule below). It runs under
 * the settings of the session, since the search path decides what names mean; so it names everything of its own in
 * full, operators too: a database may have an = of its own.
 *
 * What is PostgreSQL's own is taken to be as PostgreSQL made it.
 */
import type { FunctionPolicy } from "./function-policy.ts";
import type { Call, StatementNeeds, WrittenName } from "./collected-needs.ts";

/** What the only value of the only row is when nothing speaks against it; else it is what does. */
export const MAY_BE_SHARED = "may be shared";

/** @returns a query that has one row with one value */
export function catalogueQuery(needs: StatementNeeds, policy: FunctionPolicy): string {
  const problems = [
    ...relationProblems(needs.relations),
    ...functionProblems(needs.functions, policy),
    ...operatorProblems(needs.operators),
    ...typeProblems(needs.types),
    ...fieldProblems(needs.fields),
    CAST_PROBLEMS,
  ];
  return `WITH RECURSIVE ${COMMON}, problems(problem) AS (${problems.join("\nUNION ALL ")})
SELECT coalesce((SELECT pg_catalog.min(problem) FROM problems), ${literal(MAY_BE_SHARED)})`;
}

const eq = (left: string, right: string) => `(${left} OPERATOR(pg_catalog.=) ${right})`;
const anyOf = (left: string, array: string) => `(${left} OPERATOR(pg_catalog.=) ANY (${array}))`;
const lessOrEqual = (left: string, right: string) => `(${left} OPERATOR(pg_catalog.<=) ${right})`;
const joined = (...parts: readonly string[]) => `pg_catalog.concat(${parts.join(", ")})`;

/** Text in SQL; names have no backslash. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'::pg_catalog.text`;
}

function quoted({ schema, name }: WrittenName): string {
  return [schema, name]
    .filter((part) => part !== undefined)
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".");
}

/** PostgreSQL's own: initdb made it. */
const isBuiltIn = (oid: string, namespace: string) =>
  `((${oid} OPERATOR(pg_catalog.<) 16384::pg_catalog.oid) AND ${eq(namespace, "11::pg_catalog.oid")})`;

const BASE_KINDS = `ARRAY['b', 'r', 'm']::pg_catalog."char"[]`;

/**
 * `path`: the schemas that names are looked up in.
 *
 * `kinds`: of each type the one of its elements or its own, and whether it is safe: PostgreSQL's own or an enum, or
 * an array of one. Its output, comparison and casts run nothing of users.
 *
 * `unreachable`: types that no value of a safe or a row type turns into by itself. Functions and operators of them
 * are not called by accident.
 */
const COMMON = `path(schema) AS (
  SELECT n.oid FROM pg_catalog.pg_namespace n
  WHERE ${anyOf("n.nspname", "pg_catalog.current_schemas(true)")}),
kinds AS NOT MATERIALIZED (
  SELECT t.oid, e.typtype, e.oid AS element,
    safety.is_safe
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_type e ON ${eq(
    "e.oid",
    `CASE WHEN ${eq("t.typinput", "'pg_catalog.array_in'::pg_catalog.regproc")} THEN t.typelem ELSE t.oid END`,
  )}
  CROSS JOIN LATERAL (SELECT ${eq("e.typtype", "'e'")} OR (${isBuiltIn("e.oid", "e.typnamespace")}
    AND ${anyOf("e.typtype", BASE_KINDS)} AND NOT ${eq("e.typname", "'xml'")})) safety(is_safe)),
unreachable AS NOT MATERIALIZED (
  SELECT k.oid FROM kinds k
  WHERE NOT k.is_safe AND ${anyOf("k.typtype", BASE_KINDS)}
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c
    WHERE ${eq("c.castcontext", "'i'")} AND (${eq("c.casttarget", "k.oid")} OR ${eq("c.casttarget", "k.element")})
    AND NOT ${eq("c.castsource", "c.casttarget")}))`;

/** How many of the types stand in the way of a call. */
const unreachableOf = (types: string) =>
  `(SELECT pg_catalog.count(*) FROM pg_catalog.unnest(${types}) argument(type)
    WHERE EXISTS (SELECT FROM unreachable u WHERE ${eq("u.oid", "argument.type")}))`;

/**
 * Tables, partitioned tables and materialised views; no views, whose functions may write, no foreign tables, which
 * ask another server, also below them; no policies; nothing of a session; no column that is computed when it is read.
 */
function relationProblems(relations: readonly WrittenName[]): readonly string[] {
  if (relations.length === 0) return [];
  const names = relations.map((name) => `(${literal(quoted(name))})`).join(", ");
  return [
    `(WITH RECURSIVE named(name, oid) AS MATERIALIZED (
  SELECT name, pg_catalog.to_regclass(name)::pg_catalog.oid FROM (VALUES ${names}) given(name)),
tree(name, oid) AS (
  SELECT name, oid FROM named
  UNION SELECT t.name, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON ${eq("i.inhparent", "t.oid")})
SELECT ${joined("'relation '", "n.name", "' is none that may be shared'")} FROM named n
  LEFT JOIN pg_catalog.pg_class c ON ${eq("c.oid", "n.oid")}
  WHERE c.oid IS NULL OR NOT ${anyOf("c.relkind", `ARRAY['r', 'p', 'm']::pg_catalog."char"[]`)}
  OR c.relrowsecurity OR ${eq("c.relpersistence", "'t'")}
UNION ALL SELECT ${joined("'relation '", "t.name", "' is or has a foreign table'")} FROM tree t
  JOIN pg_catalog.pg_class c ON ${eq("c.oid", "t.oid")} WHERE ${eq("c.relkind", "'f'")}
UNION ALL SELECT ${joined("'column '", "n.name", "'.'", "a.attname", "' is of a type or kind that is not shared'")}
  FROM named n JOIN pg_catalog.pg_attribute a ON ${eq("a.attrelid", "n.oid")}
  WHERE (a.attnum OPERATOR(pg_catalog.>) 0) AND NOT a.attisdropped AND (${eq("a.attgenerated", "'v'")}
  OR NOT EXISTS (SELECT FROM kinds k WHERE ${eq("k.oid", "a.atttypid")} AND k.is_safe)))`,
  ];
}

/**
 * What a call may mean, of all functions with its name: those that are allowed must not be volatile, all others must
 * be out of reach. Nor may the name be a type: `name(x)` is a cast then.
 */
function functionProblems(functions: readonly Call[], policy: FunctionPolicy): readonly string[] {
  if (functions.length === 0) return [];
  const calls = functions.map((call) => {
    const { schema, name, untyped } = call;
    const { isReviewed, isAllowed, allowedSchemas } = policy.about(call);
    const schemas = `ARRAY[${allowedSchemas.map(literal).join(", ")}]::pg_catalog.text[]`;
    const values = [
      schema === undefined ? "NULL::pg_catalog.text" : literal(schema),
      literal(name),
      `${untyped}::pg_catalog.int8`,
      String(isReviewed),
      String(isAllowed),
      schemas,
    ];
    return `(${values.join(", ")})`;
  });
  const isThere = (namespace: string) =>
    `CASE WHEN g.schema IS NULL THEN EXISTS (SELECT FROM path WHERE ${eq("path.schema", namespace)})
      ELSE ${eq("s.nspname", "g.schema")} END`;
  return [
    `(WITH given(schema, name, untyped, is_reviewed, is_allowed, schemas) AS (VALUES ${calls.join(", ")})
SELECT ${joined("'function '", "s.nspname", "'.'", "g.name", "' is volatile or not known to be harmless'")}
  FROM given g JOIN pg_catalog.pg_proc p ON ${eq("p.proname", "g.name::pg_catalog.name")}
  JOIN pg_catalog.pg_namespace s ON ${eq("s.oid", "p.pronamespace")}
  WHERE ${isThere("p.pronamespace")} AND CASE
    WHEN (g.is_reviewed AND ${isBuiltIn("p.oid", "p.pronamespace")})
      OR g.is_allowed OR ${anyOf("s.nspname", "g.schemas")}
    THEN ${eq("p.provolatile", "'v'")}
    ELSE (p.pronargdefaults OPERATOR(pg_catalog.>) 0) OR (p.provariadic OPERATOR(pg_catalog.>) 0::pg_catalog.oid)
      OR ${lessOrEqual(unreachableOf("p.proargtypes::pg_catalog.oid[]"), "g.untyped")} END
UNION ALL SELECT ${joined("'function '", "g.name", "' may be a type'")}
  FROM given g JOIN pg_catalog.pg_type t ON ${eq("t.typname", "g.name::pg_catalog.name")}
  JOIN pg_catalog.pg_namespace s ON ${eq("s.oid", "t.typnamespace")}
  WHERE ${isThere("t.typnamespace")} AND ${eq("t.typrelid", "0::pg_catalog.oid")}
  AND NOT ${isBuiltIn("t.oid", "t.typnamespace")})`,
  ];
}

/** Operators of the same name that are not PostgreSQL's own must be out of reach. */
function operatorProblems(operators: readonly Call[]): readonly string[] {
  if (operators.length === 0) return [];
  const calls = operators.map(
    ({ name, untyped }) => `(${literal(name)}, ${untyped}::pg_catalog.int8)`,
  );
  return [
    `(SELECT ${joined("'operator '", "g.name", "' is not only PostgreSQL''s own'")}
  FROM (VALUES ${calls.join(", ")}) g(name, untyped)
  JOIN pg_catalog.pg_operator o ON ${eq("o.oprname", "g.name::pg_catalog.name")}
  WHERE EXISTS (SELECT FROM path WHERE ${eq("path.schema", "o.oprnamespace")})
  AND NOT ${isBuiltIn("o.oid", "o.oprnamespace")}
  AND ${lessOrEqual(unreachableOf("ARRAY[o.oprleft, o.oprright]"), "g.untyped")})`,
  ];
}

function typeProblems(types: readonly WrittenName[]): readonly string[] {
  if (types.length === 0) return [];
  const names = types.map((name) => `(${literal(quoted(name))})`).join(", ");
  return [
    `(SELECT ${joined("'type '", "g.name", "' is none that may be shared'")} FROM (VALUES ${names}) g(name)
  WHERE NOT EXISTS (SELECT FROM kinds k
    WHERE ${eq("k.oid", "pg_catalog.to_regtype(g.name)::pg_catalog.oid")} AND k.is_safe))`,
  ];
}

/** `row.name` is `name(row)` when there is no such column. */
function fieldProblems(fields: readonly string[]): readonly string[] {
  if (fields.length === 0) return [];
  const names = `ARRAY[${fields.map(literal).join(", ")}]::pg_catalog.name[]`;
  const required = "(p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults)";
  return [
    `(SELECT ${joined("'field '", "p.proname", "' may be a function'")}
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_type t ON ${eq("t.oid", "p.proargtypes[0]")}
  WHERE ${anyOf("p.proname", names)} AND ${lessOrEqual(required, "1")}
  AND EXISTS (SELECT FROM path WHERE ${eq("path.schema", "p.pronamespace")})
  AND (${eq("p.provolatile", "'v'")} OR NOT ${isBuiltIn("p.oid", "p.pronamespace")})
  AND ${anyOf("t.typtype", `ARRAY['c', 'd', 'p']::pg_catalog."char"[]`)})`,
  ];
}

/** Casts of users from what may be shared to what may be shared could be meant by any call. */
const CAST_PROBLEMS = `(SELECT ${joined("'a cast runs '", "c.castfunc::pg_catalog.regproc")}
  FROM pg_catalog.pg_cast c
  JOIN kinds f ON ${eq("f.oid", "c.castsource")} JOIN kinds t ON ${eq("t.oid", "c.casttarget")}
  WHERE (c.castfunc OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid)
  AND (f.is_safe OR ${eq("f.typtype", "'c'")}) AND t.is_safe)`;
