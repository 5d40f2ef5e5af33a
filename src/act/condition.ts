/** The conditions of rules. */
import { ExpressionLanguage } from "./expression.ts";

/** The variables of a condition. Each is asked for only by conditions that name it. */
export interface ConditionInput {
  /** `OnTrafficFromClient` and the like. */
  readonly hook: string;
  /** What the hook is told. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Texts, each "" while it is not known. */
  readonly session: ConditionSession;
  /** The SQL of the request: of a Query, or of all Parse messages, with `;` between them; or "". */
  readonly query: string;
  /**
   * The statements of that SQL: keywords and names in lower case, one space between words, no comments,
   * `0` for each number.
   */
  readonly statements: readonly string[];
  /**
   * The relations that the SQL names, as `name` or `schema.name`. Asking throws if nothing is known of the
   * text.
   */
  readonly tables: readonly string[];
}

const SESSION_FIELDS = [
  "user",
  "database",
  "applicationName",
  "address",
  "transactionStatus",
] as const;

/** What a condition may know of a session; a class, so that a field that there is not is seen at load. */
export class ConditionSession implements Readonly<Record<SessionField, string>> {
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  /** Of the client, without the port. */
  readonly address: string;
  /** `idle`, `inTransaction` or `failed`. */
  readonly transactionStatus: string;

  constructor(fields: Readonly<Record<SessionField, string | undefined>>) {
    this.user = fields.user ?? "";
    this.database = fields.database ?? "";
    this.applicationName = fields.applicationName ?? "";
    this.address = fields.address ?? "";
    this.transactionStatus = fields.transactionStatus ?? "";
  }
}

type SessionField = (typeof SESSION_FIELDS)[number];

export interface Condition {
  /** @throws anything, when it cannot be evaluated */
  isMet(input: ConditionInput): boolean;
  /** It asks for `tables`, which take PostgreSQL's grammar. */
  readonly readsTables: boolean;
}

let language: ExpressionLanguage<ConditionInput> | undefined;

/** The condition, or what is wrong with its text. */
export function compileCondition(
  text: string,
): { readonly condition: Condition } | { readonly problem: string } {
  language ??= new ExpressionLanguage<ConditionInput>({
    hook: "string",
    payload: "map",
    session: { name: "Session", ofClass: ConditionSession, fields: SESSION_FIELDS },
    query: "string",
    statements: "list<string>",
    tables: "list<string>",
  });
  const compiled = language.compile(text);
  if ("problem" in compiled) return compiled;
  const { run, type, names } = compiled;
  if (type !== "bool" && type !== "dyn") {
    return { problem: `must be true or false, and is of type ${type}` };
  }
  const isMet = (input: ConditionInput): boolean => {
    const verdict = run(input);
    if (typeof verdict === "boolean") return verdict;
    throw new Error(`the condition is neither true nor false, but ${typeof verdict}`);
  };
  return { condition: { isMet, readsTables: names.has("tables") } };
}
