/**
 * What is said with one client of the console, message by message: the simple and the extended protocol. No
 * sockets: messages come in whole, answers go out by a function.
 *
 * | state     | a message                                    | goes to                |
 * | --------- | -------------------------------------------- | ---------------------- |
 * | `ready`   | is answered                                  | `ready`                |
 * | `ready`   | of the extended protocol, answered by an error | `skipping`           |
 * | `skipping`| is passed over, up to Sync                   | `ready`                |
 */
import { ERROR_TABLE, GatewayError } from "../../errors.ts";
import type { Logger } from "../../logging/index.ts";
import {
  BackendWriter,
  FrontendTag,
  TransactionStatus,
  errorResponse,
  readBind,
  readClose,
  readDescribe,
  readExecute,
  readParse,
  readQuery,
  readyForQuery,
} from "../../postgres/index.ts";
import { describedAs, written } from "./column-types.ts";
import type { Cell, Format } from "./column-types.ts";
import type { Columns, ConsoleResult } from "./console-result.ts";
import type { ConsoleSession } from "./console-session.ts";
import { parseStatements } from "./grammar.ts";
import { Portals } from "./portals.ts";
import type { Portal } from "./portals.ts";
import type { ConsoleStatement } from "./statement.ts";

const TEXT: readonly Format[] = [];

export class ConsoleConversation {
  readonly #session: ConsoleSession;
  readonly #send: (messages: Uint8Array) => void;
  readonly #logger: Logger;
  readonly #portals = new Portals();
  readonly #writer = new BackendWriter();
  #state: "ready" | "skipping" = "ready";
  /** Of what is being carried out. */
  #canceling = new AbortController();

  constructor(session: ConsoleSession, send: (messages: Uint8Array) => void, logger: Logger) {
    this.#session = session;
    this.#send = send;
    this.#logger = logger;
  }

  get greeting(): Uint8Array {
    for (const [name, value] of this.#session.settings.reported()) {
      this.#writer.parameterStatus(name, value);
    }
    return this.#writer.take();
  }

  get transactionStatus(): number {
    return this.#session.transactionStatus;
  }

  get applicationName(): string | undefined {
    return this.#session.settings.find("application_name");
  }

  /** @throws GatewayError ERR_PROTOCOL_VIOLATION for a message that has no place here */
  async receive(message: Uint8Array): Promise<void> {
    this.#canceling = new AbortController();
    const [tag] = message;
    if (tag === FrontendTag.Sync) {
      this.#state = "ready";
      if (this.transactionStatus === TransactionStatus.Idle) this.#portals.closeAllPortals();
      this.#ready();
    } else if (this.#state === "ready") {
      await this.#answer(tag, message);
    }
  }

  /** Ends the waiting of a command that waits. */
  cancel(): void {
    this.#canceling.abort();
  }

  async #answer(tag: number | undefined, message: Uint8Array): Promise<void> {
    switch (tag) {
      case FrontendTag.Query:
        await this.#query(message);
        return;
      case FrontendTag.Parse:
        this.#guard(() => this.#parse(message));
        return;
      case FrontendTag.Bind:
        this.#guard(() => {
          this.#portals.bind(readBind(message));
          this.#send(this.#writer.bindComplete().take());
        });
        return;
      case FrontendTag.Describe:
        this.#guard(() => this.#describe(message));
        return;
      case FrontendTag.Execute:
        await this.#execute(message);
        return;
      case FrontendTag.Close:
        this.#guard(() => {
          const { kind, name } = readClose(message);
          this.#portals.close(kind, name);
          this.#send(this.#writer.closeComplete().take());
        });
        return;
      case FrontendTag.FunctionCall:
        this.#fail(new GatewayError("ERR_ADMIN_UNIMPLEMENTED", "the console has no functions"));
        this.#ready();
        return;
      case FrontendTag.Flush: // All is sent at once.
      case FrontendTag.CopyData: // Of a COPY that was refused.
      case FrontendTag.CopyDone:
      case FrontendTag.CopyFail:
        return;
      default:
        throw new GatewayError("ERR_PROTOCOL_VIOLATION", `message ${tag} has no place here`);
    }
  }

  async #query(message: Uint8Array): Promise<void> {
    try {
      const statements = parseStatements(readQuery(message));
      if (statements.length === 0) this.#writer.emptyQueryResponse();
      for (const statement of statements) {
        const columns = this.#session.columnsOf(statement);
        const { rows = [], ...result } = await this.#run(statement);
        if (columns !== undefined) this.#writeColumns(columns, TEXT);
        for (const row of rows) this.#writeRow(columns, row, TEXT);
        this.#conclude(result);
      }
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#ready();
  }

  #parse(message: Uint8Array): void {
    const { name, text, parameterTypes } = readParse(message);
    const [statement, ...others] = parseStatements(text);
    if (others.length > 0) {
      throw new GatewayError("ERR_CONSOLE_SYNTAX", "one statement at a time can be prepared");
    }
    if (parameterTypes.length > 0) {
      throw new GatewayError("ERR_CONSOLE_SYNTAX", "the console's statements take no values");
    }
    const columns = statement && this.#session.columnsOf(statement);
    this.#portals.prepare(name, { statement, columns });
    this.#send(this.#writer.parseComplete().take());
  }

  #describe(message: Uint8Array): void {
    const { kind, name } = readDescribe(message);
    if (kind === "statement") {
      const { columns } = this.#portals.prepared(name);
      this.#writer.parameterDescription([]);
      this.#writeColumns(columns, TEXT);
    } else {
      const { columns, formats } = this.#portals.portal(name);
      this.#writeColumns(columns, formats);
    }
    this.#send(this.#writer.take());
  }

  async #execute(message: Uint8Array): Promise<void> {
    try {
      const { portal: name, maxRows } = readExecute(message);
      const portal = this.#portals.portal(name);
      const { statement } = portal;
      if (statement === undefined) {
        this.#send(this.#writer.emptyQueryResponse().take());
        return;
      }
      if (portal.rest === undefined) {
        const { rows = [], ...result } = await this.#run(statement);
        portal.rest = [...rows];
        portal.result = result;
      }
      this.#fetch(name, portal, maxRows);
    } catch (thrown) {
      this.#fail(thrown);
      this.#state = "skipping";
    }
  }

  /** @param maxRows 0: all */
  #fetch(name: string, portal: Portal, maxRows: number): void {
    const { rest = [], columns, formats, result } = portal;
    const rows = rest.splice(0, maxRows > 0 ? maxRows : rest.length);
    for (const row of rows) this.#writeRow(columns, row, formats);
    if (rest.length > 0) {
      this.#send(this.#writer.portalSuspended().take());
      return;
    }
    this.#portals.close("portal", name);
    if (result !== undefined) this.#conclude(result);
    this.#send(this.#writer.take());
  }

  async #run(statement: ConsoleStatement): Promise<ConsoleResult> {
    const result = await this.#session.run(statement, this.#canceling.signal);
    if (statement.kind === "discardAll") this.#portals.closeAllStatements();
    if (statement.kind === "deallocate") this.#deallocate(statement.name);
    return result;
  }

  #deallocate(name: string | undefined): void {
    if (name === undefined) {
      this.#portals.closeAllStatements();
      return;
    }
    this.#portals.prepared(name);
    this.#portals.close("statement", name);
  }

  #writeColumns(columns: Columns, formats: readonly Format[]): void {
    if (columns === undefined) {
      this.#writer.noData();
      return;
    }
    const described = columns.map((column, index) => describedAs(column, formats[index] ?? 0));
    this.#writer.rowDescription(described);
  }

  #writeRow(columns: Columns, row: readonly Cell[], formats: readonly Format[]): void {
    const values = (columns ?? []).map((column, index) =>
      written(row[index] ?? null, column, formats[index] ?? 0),
    );
    this.#writer.dataRow(values);
  }

  #conclude({ tag, notices = [], reports = [] }: Omit<ConsoleResult, "rows">): void {
    for (const notice of notices) this.#writer.noticeResponse(notice);
    this.#writer.commandComplete(tag);
    for (const [name, value] of reports) this.#writer.parameterStatus(name, value);
  }

  /** A step of the extended protocol that needs no waiting. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.#fail(thrown);
      this.#state = "skipping";
    }
  }

  #fail(thrown: unknown): void {
    const error = GatewayError.from(thrown);
    // What commands throw has been written down already.
    if (!(thrown instanceof GatewayError)) {
      this.#logger.error("A statement of the console failed", { error: thrown });
    }
    const { code } = error;
    const message = code === "ERR_INTERNAL" ? error.clientMessage : error.message;
    const { sqlState } = ERROR_TABLE[code];
    const hint = code === "ERR_CONSOLE_SYNTAX" ? "SHOW HELP lists the commands." : undefined;
    this.#send(this.#writer.take());
    this.#send(
      errorResponse({ severity: "ERROR", sqlState, message, ...(hint !== undefined && { hint }) }),
    );
  }

  #ready(): void {
    this.#send(this.#writer.take());
    this.#send(readyForQuery(this.#session.transactionStatus));
  }
}
