/**
 * The nodes of PostgreSQL's grammar that a shared statement may consist of (parsenodes.h and primnodes.h of
 * PostgreSQL 18), with the fields that may be set in them. What is not here makes a statement exclusive: INTO, FOR
 * UPDATE, INSERT in a WITH, TABLESAMPLE, XML, and whatever newer grammars bring.
 */

/**
 * What a field holds: `value`, which means nothing for sharing; `nodes`, one or a list, each an object whose only
 * key is its kind; or the kind of the one node that it always is, without that key.
 */
export type FieldContent = "value" | "nodes" | { readonly kind: string };

type Fields = Readonly<Record<string, FieldContent>>;

const VALUE = "value";
const NODES = "nodes";
const ALIAS: FieldContent = { kind: "Alias" };
const TYPE_NAME: FieldContent = { kind: "TypeName" };
const SELECT: FieldContent = { kind: "SelectStmt" };
const JSON_FORMAT: FieldContent = { kind: "JsonFormat" };

export const SYNTAX_NODES: ReadonlyMap<string, Fields> = new Map<string, Fields>([
  [
    "SelectStmt",
    {
      withClause: { kind: "WithClause" },
      distinctClause: NODES,
      targetList: NODES,
      fromClause: NODES,
      whereClause: NODES,
      groupClause: NODES,
      groupDistinct: VALUE,
      havingClause: NODES,
      windowClause: NODES,
      valuesLists: NODES,
      sortClause: NODES,
      limitOffset: NODES,
      limitCount: NODES,
      limitOption: VALUE,
      op: VALUE,
      all: VALUE,
      larg: SELECT,
      rarg: SELECT,
    },
  ],
  ["WithClause", { ctes: NODES, recursive: VALUE }],
  [
    "CommonTableExpr",
    { ctename: VALUE, aliascolnames: NODES, ctematerialized: VALUE, ctequery: NODES },
  ],

  [
    "RangeVar",
    { schemaname: VALUE, relname: VALUE, inh: VALUE, relpersistence: VALUE, alias: ALIAS },
  ],
  ["RangeSubselect", { lateral: VALUE, subquery: NODES, alias: ALIAS }],
  [
    "RangeFunction",
    {
      lateral: VALUE,
      ordinality: VALUE,
      is_rowsfrom: VALUE,
      functions: NODES,
      alias: ALIAS,
      coldeflist: NODES,
    },
  ],
  ["ColumnDef", { colname: VALUE, typeName: TYPE_NAME, is_local: VALUE }],
  [
    "JoinExpr",
    {
      jointype: VALUE,
      isNatural: VALUE,
      larg: NODES,
      rarg: NODES,
      usingClause: NODES,
      join_using_alias: ALIAS,
      quals: NODES,
      alias: ALIAS,
    },
  ],
  ["Alias", { aliasname: VALUE, colnames: NODES }],

  ["ResTarget", { name: VALUE, val: NODES }],
  ["ColumnRef", { fields: NODES }],
  ["A_Star", {}],
  ["String", { sval: VALUE }],
  ["Integer", { ival: VALUE }],
  ["List", { items: NODES }],
  ["ParamRef", { number: VALUE }],
  [
    "A_Const",
    { ival: VALUE, fval: VALUE, sval: VALUE, boolval: VALUE, bsval: VALUE, isnull: VALUE },
  ],
  [
    "A_Expr",
    {
      kind: VALUE,
      name: NODES,
      lexpr: NODES,
      rexpr: NODES,
      rexpr_list_start: VALUE,
      rexpr_list_end: VALUE,
    },
  ],
  ["BoolExpr", { boolop: VALUE, args: NODES }],
  ["NullTest", { arg: NODES, nulltesttype: VALUE }],
  ["BooleanTest", { arg: NODES, booltesttype: VALUE }],
  ["CaseExpr", { arg: NODES, args: NODES, defresult: NODES }],
  ["CaseWhen", { expr: NODES, result: NODES }],
  ["CoalesceExpr", { args: NODES }],
  ["MinMaxExpr", { op: VALUE, args: NODES }],
  ["RowExpr", { args: NODES, row_format: VALUE }],
  ["A_ArrayExpr", { elements: NODES, list_start: VALUE, list_end: VALUE }],
  ["A_Indirection", { arg: NODES, indirection: NODES }],
  ["A_Indices", { is_slice: VALUE, lidx: NODES, uidx: NODES }],
  ["SubLink", { subLinkType: VALUE, testexpr: NODES, operName: NODES, subselect: NODES }],
  // Who the user is and what the time: the sessions of a scope have the user in common, and the time of a
  // transaction is that of its statement, whenever its turn comes.
  ["SQLValueFunction", { op: VALUE, typmod: VALUE }],
  ["TypeCast", { arg: NODES, typeName: TYPE_NAME }],
  // Without setof and pct_type.
  ["TypeName", { names: NODES, typmods: NODES, typemod: VALUE, arrayBounds: NODES }],
  // Collations run no code of users.
  ["CollateClause", { arg: NODES, collname: NODES }],
  [
    "FuncCall",
    {
      funcname: NODES,
      args: NODES,
      agg_order: NODES,
      agg_filter: NODES,
      over: { kind: "WindowDef" },
      agg_within_group: VALUE,
      agg_star: VALUE,
      agg_distinct: VALUE,
      func_variadic: VALUE,
      funcformat: VALUE,
    },
  ],
  ["NamedArgExpr", { arg: NODES, name: VALUE, argnumber: VALUE }],
  [
    "WindowDef",
    {
      name: VALUE,
      refname: VALUE,
      partitionClause: NODES,
      orderClause: NODES,
      frameOptions: VALUE,
      startOffset: NODES,
      endOffset: NODES,
    },
  ],
  // Without USING operator.
  ["SortBy", { node: NODES, sortby_dir: VALUE, sortby_nulls: VALUE }],
  ["GroupingSet", { kind: VALUE, content: NODES }],
  ["GroupingFunc", { args: NODES }],

  ["JsonObjectConstructor", { exprs: NODES, absent_on_null: VALUE, unique: VALUE }],
  ["JsonArrayConstructor", { exprs: NODES, absent_on_null: VALUE }],
  ["JsonKeyValue", { key: NODES, value: { kind: "JsonValueExpr" } }],
  ["JsonValueExpr", { raw_expr: NODES, format: JSON_FORMAT }],
  ["JsonFormat", { format_type: VALUE, encoding: VALUE }],
  ["JsonIsPredicate", { expr: NODES, format: JSON_FORMAT, item_type: VALUE, unique_keys: VALUE }],
]);
