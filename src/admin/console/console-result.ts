/** What comes of a statement. */
import type { NoticeFields } from "../../postgres/index.ts";
import type { Cell, Column } from "./column-types.ts";

export interface ConsoleResult {
  /** Of CommandComplete. */
  readonly tag: string;
  readonly rows?: readonly (readonly Cell[])[];
  readonly notices?: readonly NoticeFields[];
  /** Settings that have changed and that clients are told of. */
  readonly reports?: readonly (readonly [name: string, value: string])[];
}

/** Columns of what a statement gives; undefined: it gives no rows. */
export type Columns = readonly Column[] | undefined;

export function notice(message: string): NoticeFields {
  return { severity: "NOTICE", sqlState: "00000", message };
}
