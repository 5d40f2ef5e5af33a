/** The types of the columns that a plugin's own rows can have, and how their values travel. */

/** A value of a row. Dates and other objects: turn them into text first. */
export type CellValue = string | number | bigint | boolean | Uint8Array | null;

export interface ColumnFormat {
  /** Object id in `pg_type`. */
  readonly oid: number;
  /** Bytes of a value; -1 when they vary. */
  readonly size: number;
  /** The value as PostgreSQL's output function writes it. */
  readonly toText: (value: NonNullable<CellValue>) => string | Uint8Array;
  /** The value as its send function does; undefined: the bytes of its text. */
  readonly toBinary?: (value: NonNullable<CellValue>) => Uint8Array;
}

const asText = (value: NonNullable<CellValue>): string | Uint8Array =>
  value instanceof Uint8Array ? value : String(value);

/** Names of `pg_type`: the types that columns of a plugin can have. */
export type ColumnType = "text" | "bool" | "int2" | "int4" | "int8" | "float8" | "json";

const COLUMN_FORMATS: Readonly<Record<ColumnType, ColumnFormat>> = {
  text: { oid: 25, size: -1, toText: asText },
  bool: { oid: 16, size: 1, toText: (value) => (isTrue(value) ? "t" : "f"), toBinary: boolBytes },
  int2: { oid: 21, size: 2, toText: integerText(2), toBinary: integerBytes(2) },
  int4: { oid: 23, size: 4, toText: integerText(4), toBinary: integerBytes(4) },
  int8: { oid: 20, size: 8, toText: integerText(8), toBinary: integerBytes(8) },
  float8: { oid: 701, size: 8, toText: floatText, toBinary: floatBytes },
  json: { oid: 114, size: -1, toText: asText },
};

export function formatOf(type: ColumnType): ColumnFormat {
  return COLUMN_FORMATS[type];
}

function isTrue(value: NonNullable<CellValue>): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`${String(value)} is no boolean`);
}

function boolBytes(value: NonNullable<CellValue>): Uint8Array {
  return Uint8Array.of(isTrue(value) ? 1 : 0);
}

function integerText(size: number): (value: NonNullable<CellValue>) => string {
  return (value) => String(toInteger(value, size));
}

function integerBytes(size: number): (value: NonNullable<CellValue>) => Uint8Array {
  return (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(toInteger(value, size));
    return bytes.subarray(8 - size);
  };
}

function toInteger(value: NonNullable<CellValue>, size: number): bigint {
  const isInteger =
    typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
  const integer = isInteger ? BigInt(value) : undefined;
  if (integer !== undefined && BigInt.asIntN(size * 8, integer) === integer) return integer;
  throw new TypeError(`${String(value)} is no integer of ${size} bytes`);
}

/**
 * As PostgreSQL writes numbers since version 12: the shortest text that reads back the same, with an exponent below
 * 0.0001 and from 10^15 on.
 */
function floatText(value: NonNullable<CellValue>): string {
  const number = toNumber(value);
  if (Object.is(number, -0)) return "-0";
  const [, digits, sign, exponent = ""] = /^(.*)e([+-])(\d+)$/.exec(number.toExponential()) ?? [];
  const power = Number(`${sign ?? ""}${exponent}`);
  return digits === undefined || (power >= -4 && power < 15)
    ? String(number)
    : `${digits}e${sign}${exponent.padStart(2, "0")}`;
}

function floatBytes(value: NonNullable<CellValue>): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(toNumber(value));
  return bytes;
}

function toNumber(value: NonNullable<CellValue>): number {
  if (typeof value === "number") return value;
  throw new TypeError(`${String(value)} is no number`);
}
