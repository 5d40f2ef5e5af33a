/** What one or several statements are made of, each name once. */

/** A name as it is written: with a schema, or found by the search path. */
export interface WrittenName {
  readonly schema: string | undefined;
  readonly name: string;
}

/** A function or an operator, and how it is called. */
export interface Call extends WrittenName {
  /**
   * The most of its arguments that are strings, NULL or parameters: they take whatever type suits. The others
   * have a type.
   */
  readonly untyped: number;
}

/** What a statement needs to know of a database. */
export interface StatementNeeds {
  readonly relations: readonly WrittenName[];
  readonly functions: readonly Call[];
  /** Those that are found by the search path. */
  readonly operators: readonly Call[];
  readonly types: readonly WrittenName[];
  /** What is taken of a row by a dot: a column, or a function of one argument. */
  readonly fields: readonly string[];
}

export class CollectedNeeds implements StatementNeeds {
  readonly #relations = new Map<string, WrittenName>();
  readonly #functions = new Map<string, Call>();
  readonly #operators = new Map<string, Call>();
  readonly #types = new Map<string, WrittenName>();
  readonly #fields = new Set<string>();

  get relations(): readonly WrittenName[] {
    return [...this.#relations.values()];
  }

  get functions(): readonly Call[] {
    return [...this.#functions.values()];
  }

  get operators(): readonly Call[] {
    return [...this.#operators.values()];
  }

  get types(): readonly WrittenName[] {
    return [...this.#types.values()];
  }

  get fields(): readonly string[] {
    return [...this.#fields];
  }

  /** Of all names. */
  get count(): number {
    const maps = [this.#relations, this.#functions, this.#operators, this.#types, this.#fields];
    return maps.reduce((sum, { size }) => sum + size, 0);
  }

  addRelation(name: WrittenName): void {
    this.#relations.set(keyOf(name), name);
  }

  addFunction(call: Call): void {
    addCall(this.#functions, call);
  }

  addOperator(call: Call): void {
    addCall(this.#operators, call);
  }

  addType(name: WrittenName): void {
    this.#types.set(keyOf(name), name);
  }

  addField(name: string): void {
    this.#fields.add(name);
  }

  /** All that another statement needs. */
  addAll({ relations, functions, operators, types, fields }: StatementNeeds): void {
    for (const name of relations) this.addRelation(name);
    for (const call of functions) this.addFunction(call);
    for (const call of operators) this.addOperator(call);
    for (const name of types) this.addType(name);
    for (const name of fields) this.addField(name);
  }
}

function keyOf({ schema, name }: WrittenName): string {
  return `${schema ?? ""}\0${name}`;
}

/** The worst of its calls counts. */
function addCall(to: Map<string, Call>, call: Call): void {
  const known = to.get(keyOf(call));
  if (known === undefined || known.untyped < call.untyped) to.set(keyOf(call), call);
}
