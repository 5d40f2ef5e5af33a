/** Carries out statements for one client of the console. */
import { TransactionStatus } from "../../postgres/index.ts";
import { GatewayError } from "../../errors.ts";
import type { Asking } from "./asker.ts";
import { ABSENT_TABLES } from "./absent-tables.ts";
import { ClientSettings } from "./client-settings.ts";
import { TYPES } from "./column-types.ts";

import { notice } from "./console-result.ts";
import type { Columns, ConsoleResult } from "./console-result.ts";
import type { ConsoleTable } from "./console-table.ts";
import { commandDatabases, killDatabase } from "./database-commands.ts";
import { reload } from "./reload.ts";
import { setLogLevel } from "./set-log-level.ts";
import type { ConsoleStatement } from "./statement.ts";

export interface ConsoleSessionOptions {
  readonly asker: Asking;
  readonly tables: ReadonlyMap<string, ConsoleTable>;
  /** `0.1.0` */
  readonly version: string;
  /** As the client has said it at its startup. */
  readonly applicationName: string | undefined;
}

const PLUGIN_COMMANDS = {
  reload: "reloadPlugin",
  enable: "enablePlugin",
  disable: "disablePlugin",
} as const;

export class ConsoleSession {
  readonly settings: ClientSettings;
  transactionStatus: number = TransactionStatus.Idle;
  readonly #options: ConsoleSessionOptions;

  constructor(options: ConsoleSessionOptions) {
    this.#options = options;
    // A text that is no version of PostgreSQL's: psql tells its user that it does not know this server.
    const own = {
      server_version: `${options.version}/gatewayd`,
      session_authorization: options.asker.caller.name,
    };
    this.settings = new ClientSettings(own, options.applicationName);
  }

  /** @throws GatewayError ERR_CONSOLE_SYNTAX when there is nothing of this name to be shown */
  columnsOf(statement: ConsoleStatement): Columns {
    if (statement.kind !== "show") return undefined;
    const table = this.#tableOf(statement.name);
    return table?.columns ?? [{ name: statement.name, type: TYPES.text }];
  }

  /**
   * @param signal of somebody who waits no longer
   * @throws GatewayError saying why it is not done
   */
  async run(statement: ConsoleStatement, signal: AbortSignal): Promise<ConsoleResult> {
    const { asker } = this.#options;
    switch (statement.kind) {
      case "show":
        return await this.#show(statement.name);
      case "set":
        return await this.#set(statement.key, statement.value);
      case "reset":
        return this.#reset(statement.key);
      case "pause":
      case "resume":
      case "reconnect":
      case "waitClose":
        return await commandDatabases(asker, statement.kind, statement.target, signal);
      case "kill":
        await asker.ask("killSession", { id: statement.id });
        return { tag: "KILL" };
      case "cancel":
        await asker.ask("cancelQuery", { id: statement.id });
        return { tag: "CANCEL" };
      case "killDatabase":
        return await killDatabase(asker, statement.target);
      case "reload":
        return await reload(asker);
      case "shutdown":
        await asker.ask("drain", {});
        return { tag: "SHUTDOWN" };
      case "plugin":
        await asker.ask(PLUGIN_COMMANDS[statement.action], { name: statement.name });
        return { tag: statement.action.toUpperCase() };
      case "begin":
        this.transactionStatus = TransactionStatus.InTransaction;
        return { tag: "BEGIN" };
      case "commit":
        this.transactionStatus = TransactionStatus.Idle;
        return { tag: "COMMIT" };
      case "rollback":
        return this.#rollBack();
      case "discardAll":
        this.settings.reset(undefined);
        return { tag: "DISCARD ALL" };
      case "deallocate":
        return { tag: statement.name === undefined ? "DEALLOCATE ALL" : "DEALLOCATE" };
    }
  }

  #tableOf(name: string): ConsoleTable | undefined {
    const table = this.#options.tables.get(name.toLowerCase());
    if (table !== undefined || this.settings.find(name) !== undefined) return table;
    const reason = ABSENT_TABLES.get(name.toLowerCase());
    if (reason === undefined) {
      throw new GatewayError("ERR_CONSOLE_SYNTAX", `there is nothing called "${name}" to be shown`);
    }
    const message = `there is no SHOW ${name.toUpperCase()} here: ${reason}`;
    throw new GatewayError("ERR_ADMIN_UNIMPLEMENTED", message);
  }

  async #show(name: string): Promise<ConsoleResult> {
    const table = this.#tableOf(name);
    const rows = await table?.rows(this.#options.asker);
    return { tag: "SHOW", rows: rows ?? [[this.settings.find(name) ?? null]] };
  }

  async #set(key: string, value: string): Promise<ConsoleResult> {
    if (!this.settings.set(key, value)) await setLogLevel(this.#options.asker, key, value);
    const report = this.settings.reportOf(key);
    return { tag: "SET", ...(report !== undefined && { reports: [report] }) };
  }

  #reset(key: string | undefined): ConsoleResult {
    if (this.settings.reset(key)) return { tag: "RESET" };
    throw new GatewayError("ERR_ADMIN_NOT_FOUND", `there is no setting "${key}" of a connection`);
  }

  /** What was done stays done: there are no transactions here, only drivers that begin them. */
  #rollBack(): ConsoleResult {
    const wasIn = this.transactionStatus === TransactionStatus.InTransaction;
    this.transactionStatus = TransactionStatus.Idle;
    const message = "what the console does is done at once: nothing is taken back";
    return { tag: "ROLLBACK", ...(wasIn && { notices: [notice(message)] }) };
  }
}
