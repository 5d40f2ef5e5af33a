/** The types of the console's columns, and their values as text and in PostgreSQL's binary formats. */
import type { ColumnDescription } from "../../postgres/index.ts";

/** What a cell may hold; null where nothing is known. */
export type Cell = string | number | boolean | null;

export interface ColumnType {
  readonly typeOid: number;
  readonly typeSize: number;
  /** In the binary format; a value of this type as {@link textOf} writes it, or as it is. */
  binary(value: NonNullable<Cell>): Uint8Array;
}

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** 0 is text, 1 binary. */
export type Format = 0 | 1;

const text: ColumnType = {
  typeOid: 25,
  typeSize: -1,
  binary: (value) => Buffer.from(textOf(value)),
};

const bool: ColumnType = {
  typeOid: 16,
  typeSize: 1,
  binary: (value) => Uint8Array.of(value === true ? 1 : 0),
};

const int4: ColumnType = {
  typeOid: 23,
  typeSize: 4,
  binary: (value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(Number(value));
    return bytes;
  },
};

const int8: ColumnType = {
  typeOid: 20,
  typeSize: 8,
  binary: (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(Number(value)));
    return bytes;
  },
};

const float8: ColumnType = {
  typeOid: 701,
  typeSize: 8,
  binary: (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(Number(value));
    return bytes;
  },
};

/** Whole numbers that are not negative: counters. */
const numeric: ColumnType = { typeOid: 1700, typeSize: -1, binary: numericBytes };

export const TYPES = { text, bool, int4, int8, float8, numeric } as const;

/** As RowDescription tells of it. */
export function describedAs({ name, type }: Column, format: Format): ColumnDescription {
  return { name, typeOid: type.typeOid, typeSize: type.typeSize, format };
}

/** As DataRow has it. */
export function written(cell: Cell, { type }: Column, format: Format): Uint8Array | string | null {
  if (cell === null) return null;
  return format === 1 ? type.binary(cell) : textOf(cell);
}

function textOf(value: NonNullable<Cell>): string {
  if (typeof value === "boolean") return value ? "t" : "f";
  return String(value);
}

const NUMERIC_BASE = 10_000n;

/** Number of digits to the base 10,000, weight of the first, sign, scale, then the digits. */
function numericBytes(value: NonNullable<Cell>): Uint8Array {
  const digits: number[] = [];
  for (let rest = BigInt(Number(value)); rest > 0n; rest /= NUMERIC_BASE) {
    digits.unshift(Number(rest % NUMERIC_BASE));
  }
  const weight = Math.max(0, digits.length - 1);
  // PostgreSQL itself sends none at the end that are 0.
  while (digits.at(-1) === 0) digits.pop();
  const bytes = Buffer.alloc(8 + 2 * digits.length);
  bytes.writeInt16BE(digits.length, 0);
  bytes.writeInt16BE(weight, 2);
  for (const [index, digit] of digits.entries()) bytes.writeInt16BE(digit, 8 + 2 * index);
  return bytes;
}
