/** What a client of the console has prepared, and what it has bound of that. */
import { GatewayError } from "../../errors.ts";
import type { BindMessage } from "../../postgres/index.ts";
import type { Cell, Format } from "./column-types.ts";
import type { Columns, ConsoleResult } from "./console-result.ts";
import type { ConsoleStatement } from "./statement.ts";

export interface Prepared {
  /** Undefined: the text was empty. */
  readonly statement: ConsoleStatement | undefined;
  readonly columns: Columns;
}

export interface Portal extends Prepared {
  /** Of each column. */
  readonly formats: readonly Format[];
  /** Rows that have not been fetched yet; undefined: it has not been run. */
  rest: (readonly Cell[])[] | undefined;
  /** Told when the last row has been fetched. */
  result?: Omit<ConsoleResult, "rows">;
}

/** Nobody needs more of a console. */
const MAX_KEPT = 1_000;

export class Portals {
  readonly #prepared = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();

  /** @throws GatewayError when there is one of the name, or there are too many */
  prepare(name: string, prepared: Prepared): void {
    if (name !== "" && this.#prepared.has(name)) {
      throw new GatewayError("ERR_CONSOLE_STATEMENT_EXISTS", `"${name}" is prepared already`);
    }
    if (this.#prepared.size >= MAX_KEPT && !this.#prepared.has(name)) {
      throw new GatewayError("ERR_TOO_MANY_STATEMENTS", `more than ${MAX_KEPT} statements`);
    }
    this.#prepared.set(name, prepared);
  }

  /** @throws GatewayError ERR_CONSOLE_NO_STATEMENT */
  prepared(name: string): Prepared {
    const prepared = this.#prepared.get(name);
    if (prepared !== undefined) return prepared;
    throw new GatewayError("ERR_CONSOLE_NO_STATEMENT", `prepared statement "${name}" is not there`);
  }

  /** @throws GatewayError for values, which no statement takes, for formats that there are not, for too many */
  bind({ portal, statement, values, resultFormats }: BindMessage): void {
    const prepared = this.prepared(statement);
    if (values.length > 0) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", "the console's statements take no values");
    }
    if (this.#portals.size >= MAX_KEPT && !this.#portals.has(portal)) {
      throw new GatewayError("ERR_TOO_MANY_STATEMENTS", `more than ${MAX_KEPT} portals`);
    }
    const formats = formatsOf(resultFormats, prepared.columns?.length ?? 0);
    this.#portals.set(portal, { ...prepared, formats, rest: undefined });
  }

  /** @throws GatewayError ERR_CONSOLE_NO_PORTAL */
  portal(name: string): Portal {
    const portal = this.#portals.get(name);
    if (portal !== undefined) return portal;
    throw new GatewayError("ERR_CONSOLE_NO_PORTAL", `portal "${name}" is not there`);
  }

  /** It need not be there. */
  close(kind: "statement" | "portal", name: string): void {
    if (kind === "portal") this.#portals.delete(name);
    else this.#prepared.delete(name);
  }

  closeAllStatements(): void {
    this.#prepared.clear();
  }

  closeAllPortals(): void {
    this.#portals.clear();
  }
}

/** None: all text. One: for all columns. Else one each. */
function formatsOf(asked: readonly number[], columns: number): readonly Format[] {
  const formats = asked.map((format) => {
    if (format === 0 || format === 1) return format;
    throw new GatewayError("ERR_PROTOCOL_VIOLATION", `unknown format ${format}`);
  });
  if (formats.length > 1 && formats.length !== columns) {
    const message = `${formats.length} formats for ${columns} columns`;
    throw new GatewayError("ERR_PROTOCOL_VIOLATION", message);
  }
  const [first = 0] = formats;
  return Array.from({ length: columns }, (_, index) => formats[index] ?? first);
}
