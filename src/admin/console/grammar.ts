/**
 * The grammar of the console: PgBouncer's commands, and some more.
 *
 *   SHOW (name | TRANSACTION ISOLATION LEVEL) | SET [SESSION | LOCAL] name (= | TO) value | RESET (ALL | name)
 *   (PAUSE | RESUME | RECONNECT | WAIT_CLOSE | KILL) [database]
 *   (KILL | KILL_CLIENT | CANCEL) session
 *   RELOAD | (RELOAD | ENABLE | DISABLE) PLUGIN name
 *   SHUTDOWN [WAIT_FOR_CLIENTS | WAIT_FOR_SERVERS]
 *   BEGIN ... | START TRANSACTION ... | COMMIT ... | END ... | ROLLBACK ... | ABORT ...
 *   DISCARD ALL | DEALLOCATE [PREPARE] (ALL | name)
 *
 * Words may be written in any case, several statements are parted by `;`. Pure: texts in, statements out.
 */
import { GatewayError } from "../../errors.ts";
import type { ConsoleStatement, PluginVerb, Target } from "./statement.ts";
import { tokensOf } from "./tokens.ts";
import type { Token } from "./tokens.ts";

/** @throws GatewayError ERR_CONSOLE_SYNTAX, or ERR_ADMIN_UNIMPLEMENTED for what PgBouncer alone can do */
export function parseStatements(text: string): readonly ConsoleStatement[] {
  const statements: ConsoleStatement[] = [];
  let tokens: Token[] = [];
  const conclude = (): void => {
    if (tokens.length > 0) statements.push(statementOf(new Reader(tokens)));
    tokens = [];
  };
  for (const token of tokensOf(text)) {
    if (token.kind === "symbol" && token.text === ";") conclude();
    else tokens.push(token);
  }
  conclude();
  return statements;
}

type Parser = (reader: Reader) => ConsoleStatement;

/** What a statement begins with. */
const VERBS: Readonly<Record<string, Parser>> = {
  show,
  set: setting,
  reset: (reader) => ({ kind: "reset", key: reader.takeWord("all") ? undefined : reader.key() }),
  pause: (reader) => ({ kind: "pause", target: reader.target() }),
  resume: (reader) => ({ kind: "resume", target: reader.target() }),
  reconnect: (reader) => ({ kind: "reconnect", target: reader.target() }),
  wait_close: (reader) => ({ kind: "waitClose", target: reader.target() }),
  kill: (reader) => {
    const target = reader.target();
    const isSession = target !== undefined && SESSION_ID.test(target);
    return isSession ? { kind: "kill", id: target } : { kind: "killDatabase", target };
  },
  kill_client: (reader) => ({ kind: "kill", id: reader.sessionId() }),
  cancel: (reader) => ({ kind: "cancel", id: reader.sessionId() }),
  reload: (reader) => (reader.isAtEnd ? { kind: "reload" } : plugin("reload", reader)),
  enable: (reader) => plugin("enable", reader),
  disable: (reader) => plugin("disable", reader),
  shutdown: (reader) => {
    if (!reader.isAtEnd && !reader.takeWord("wait_for_clients")) reader.word("wait_for_servers");
    return { kind: "shutdown" };
  },
  begin: (reader) => reader.skip({ kind: "begin" }),
  start: (reader) => {
    reader.word("transaction");
    return reader.skip({ kind: "begin" });
  },
  commit: (reader) => reader.skip({ kind: "commit" }),
  end: (reader) => reader.skip({ kind: "commit" }),
  rollback: (reader) => reader.skip({ kind: "rollback" }),
  abort: (reader) => reader.skip({ kind: "rollback" }),
  discard: (reader) => {
    reader.word("all");
    return { kind: "discardAll" };
  },
  deallocate: (reader) => {
    reader.takeWord("prepare");
    return { kind: "deallocate", name: reader.takeWord("all") ? undefined : reader.name("a name") };
  },
};

/** Sessions are numbered. */
const SESSION_ID = /^\d+$/;

/** PgBouncer's, and what takes their place. */
const UNKNOWN_HERE: ReadonlyMap<string, string> = new Map([
  ["suspend", "there is no SUSPEND: with reusePort a new gateway listens beside the old one"],
]);

function statementOf(reader: Reader): ConsoleStatement {
  const verb = reader.name("a command");
  const parse = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (parse !== undefined) {
    const statement = parse(reader);
    reader.expectEnd();
    return statement;
  }
  const reason = UNKNOWN_HERE.get(verb);
  if (reason !== undefined) throw new GatewayError("ERR_ADMIN_UNIMPLEMENTED", reason);
  throw new GatewayError("ERR_CONSOLE_SYNTAX", `the console does not know ${verb.toUpperCase()}`);
}

function show(reader: Reader): ConsoleStatement {
  if (!reader.takeWord("transaction")) {
    return { kind: "show", name: reader.dotted("what is to be shown") };
  }
  // As drivers ask for it.
  reader.word("isolation");
  reader.word("level");
  return { kind: "show", name: "transaction_isolation" };
}

function setting(reader: Reader): ConsoleStatement {
  if (!reader.takeWord("session")) reader.takeWord("local");
  const key = reader.key();
  if (!reader.takeSymbol("=")) reader.word("to");
  return { kind: "set", key, value: reader.value() };
}

function plugin(action: PluginVerb, reader: Reader): ConsoleStatement {
  if (action === "reload") reader.word("plugin");
  else if (!reader.takeWord("plugin")) {
    const verb = action.toUpperCase();
    throw new GatewayError(
      "ERR_ADMIN_UNIMPLEMENTED",
      `${verb} is for plugins here (${verb} PLUGIN name): databases are paused, or taken out of the configuration`,
    );
  }
  return { kind: "plugin", action, name: reader.name("the name of a plugin") };
}

/** Takes one statement's tokens in order. */
class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** Whatever else there is means nothing here. */
  skip(statement: ConsoleStatement): ConsoleStatement {
    this.#at = this.#tokens.length;
    return statement;
  }

  takeWord(text: string): boolean {
    return this.#take("word", text);
  }

  takeSymbol(text: string): boolean {
    return this.#take("symbol", text);
  }

  word(text: string): void {
    if (!this.takeWord(text)) throw this.#expected(text.toUpperCase());
  }

  /** Quoted or not. */
  name(what: string): string {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === "symbol") throw this.#expected(what);
    this.#at++;
    return token.text;
  }

  /** Names with dots between them. */
  dotted(what: string): string {
    let text = this.name(what);
    while (this.takeSymbol(".")) text += `.${this.name(what)}`;
    return text;
  }

  key(): string {
    return this.dotted("a setting").toLowerCase();
  }

  /** One value; a list is put together as it was. */
  value(): string {
    let text = this.dotted("a value");
    while (this.takeSymbol(",")) text += `, ${this.dotted("a value")}`;
    return text;
  }

  target(): Target {
    return this.isAtEnd ? undefined : this.dotted("a database");
  }

  sessionId(): string {
    return this.name("the id of a session");
  }

  expectEnd(): void {
    if (!this.isAtEnd) throw this.#expected("the end");
  }

  #take(kind: Token["kind"], text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #expected(what: string): GatewayError {
    const token = this.#tokens[this.#at];
    const at = token === undefined ? "the end" : `"${token.text}"`;
    return new GatewayError("ERR_CONSOLE_SYNTAX", `syntax error at ${at}: expected ${what}`);
  }
}
