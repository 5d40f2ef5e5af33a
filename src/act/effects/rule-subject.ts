/** One event, as the conditions of rules see it. Nothing is worked out before a condition asks. */
import type { HookName, HookPayload, SessionView } from "../../hooks/index.ts";
import { tablesOf } from "../../sql/index.ts";
import { ConditionSession, isMap } from "../index.ts";
import type { ConditionInput } from "../index.ts";
import { asksForWork, fingerprintOf, sqlTextsOf, statementsOf } from "./sql-of-request.ts";

const NOTHING = new Uint8Array(0);
/** Between the texts of several messages: each is a statement of its own. */
const BETWEEN = ";\n";

export class RuleSubject implements ConditionInput {
  readonly hook: HookName;
  readonly payload: HookPayload;
  /** Undefined for events of no session. */
  readonly view: SessionView | undefined;
  #session: ConditionSession | undefined;
  #texts: readonly string[] | undefined;
  #query: string | undefined;
  #statements: readonly string[] | undefined;
  #fingerprint: string | undefined;

  constructor(hook: HookName, payload: HookPayload, view: SessionView | undefined) {
    this.hook = hook;
    this.payload = payload;
    this.view = view;
  }

  get session(): ConditionSession {
    this.#session ??= new ConditionSession({
      user: this.view?.user,
      database: this.view?.database,
      applicationName: this.view?.applicationName,
      address: this.address,
      transactionStatus: this.view?.transactionStatus,
    });
    return this.#session;
  }

  get query(): string {
    this.#query ??= this.#sqlTexts.join(BETWEEN);
    return this.#query;
  }

  /** @throws Error when the text is too long for them to be told apart, as with {@link tables} */
  get statements(): readonly string[] {
    this.#statements ??= statementsOf(this.query);
    return this.#statements;
  }

  /** @throws Error when nothing is known of the text: the one who asks forbids what it may hide */
  get tables(): readonly string[] {
    return this.#sqlTexts.flatMap((text) => {
      const tables = tablesOf(text);
      if (tables === undefined) throw new Error("the tables of the SQL are not known");
      return tables;
    });
  }

  /** Of the client, without its port; "" for events without a client. */
  get address(): string {
    const { client } = this.payload;
    const remote = isMap(client) ? client["remote"] : undefined;
    return typeof remote === "string" ? hostOf(remote) : "";
  }

  get fingerprint(): string {
    this.#fingerprint ??= fingerprintOf(this.query);
    return this.#fingerprint;
  }

  /** It is one of what is limited: a connection, or a request for the server to do something. */
  get isCounted(): boolean {
    return this.hook !== "OnTrafficFromClient" || asksForWork(this.#request);
  }

  get #sqlTexts(): readonly string[] {
    this.#texts ??= sqlTextsOf(this.#request);
    return this.#texts;
  }

  get #request(): Uint8Array {
    const { request } = this.payload;
    return request instanceof Uint8Array ? request : NOTHING;
  }
}

/** `[::1]:5432` is `::1`; a path stays as it is. */
function hostOf(address: string): string {
  return /^\[?([^\]/]*)\]?:\d+$/.exec(address)?.[1] ?? address;
}
