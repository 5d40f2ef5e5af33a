/** A table that SHOW gives: its columns are known before it is asked for, its rows are made of the commands' answers. */
import type { Cell, Column, ColumnType } from "./column-types.ts";
import type { Asking } from "./asker.ts";

export interface ConsoleTable {
  readonly name: string;
  /** For SHOW HELP. */
  readonly help: string;
  readonly columns: readonly Column[];
  /** @throws GatewayError what came of a command */
  rows(asker: Asking): Promise<readonly (readonly Cell[])[]>;
}

/** A column of a table by its name: its type, and where its values come from. */
export type ColumnOf<Row> = readonly [name: string, type: ColumnType, value: (row: Row) => Cell];

/** A table whose columns say where they come from. */
export function table<Row>(
  name: string,
  help: string,
  columns: readonly ColumnOf<Row>[],
  read: (asker: Asking) => Promise<readonly Row[]>,
): ConsoleTable {
  return {
    name,
    help,
    columns: columns.map(([column, type]) => ({ name: column, type })),
    rows: async (asker) => {
      const rows = await read(asker);
      return rows.map((row) => columns.map(([, , value]) => value(row)));
    },
  };
}
