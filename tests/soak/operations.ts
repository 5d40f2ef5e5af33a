import type { SeededRandom } from "../fixtures/seeded-random.ts";
import { frontendMessage } from "../kit/index.ts";
import type { Cycle } from "./soak-client.ts";

/** What one client asks for, and how it knows that the answer is its own. */
export interface Operation {
  readonly name: string;
  readonly request: Uint8Array;
  /** One for each ReadyForQuery, in order: what is wrong with the cycle; undefined: nothing. */
  readonly checks: readonly Check[];
  /** A row of `soak_log` that stands there once the operation is over. */
  readonly logs?: string;
  /** It is to be cancelled while it runs, and stands alone. */
  readonly isCancelled?: boolean;
}

export type Check = (cycle: Cycle) => string | undefined;

/** Whoever asks. */
export interface Asker {
  readonly random: SeededRandom;
  /** Different for each client. */
  readonly number: number;
  /** Names of statements that this client has prepared. */
  readonly prepared: Set<string>;
  /** Different for each operation of a client. */
  count: number;
}

/** Rows of `soak_rows` that belong to one client. */
export const ROWS_OF_CLIENT = 10;

/** What row `id` holds: nothing that follows from the id. */
export const SOAK_TABLES = [
  "create table soak_rows (id int primary key, value text)",
  "insert into soak_rows select i, md5('row' || i) from generate_series(0, 1999) i",
  "create table soak_log (token text)",
] as const;

const valueOf = (id: number): string =>
  new Bun.CryptoHasher("md5").update(`row${id}`).digest("hex");

/** Any operation; only this client could have asked for its values. */
export function anyOperation(asker: Asker): Operation {
  asker.count += 1;
  const token = `c${asker.number}-${asker.count}`;
  return asker.random.oneOf(KINDS)(asker, token);
}

type Kind = (asker: Asker, token: string) => Operation;

/** Its own row, by one of a few texts: what may be multiplexed. */
const row: Kind = (asker) => {
  const id = ownRow(asker);
  return simple("row", `select value from soak_rows where id = ${id}`, [[valueOf(id)]]);
};

/** All clients send the same text, each its own parameter. */
const rowByParameter: Kind = (asker) => {
  const id = ownRow(asker);
  const text = "select value from soak_rows where id = $1";
  const request = [parse("", text), bind("", [`${id}`]), DESCRIBE, EXECUTE, SYNC];
  return extended("row by parameter", request, "12TDCZ", [[valueOf(id)]]);
};

/** The same name for all clients, with another text for every third of them; prepared when first used. */
const named: Kind = (asker, token) => {
  const name = asker.random.oneOf(["s", "t"]);
  const text = `select '${name}${asker.number % 3}', $1::text`;
  const isNew = !asker.prepared.has(name);
  asker.prepared.add(name);
  const request = [
    ...(isNew ? [parse(name, text)] : []),
    bind(name, [token]),
    DESCRIBE,
    EXECUTE,
    SYNC,
  ];
  const rows = [[`${name}${asker.number % 3}`, token]];
  return extended("named statement", request, isNew ? "12TDCZ" : "2TDCZ", rows);
};

const value: Kind = (_, token) => simple("value", `select '${token}'`, [[token]]);

const twoStatements: Kind = (_, token) => ({
  name: "two statements",
  request: query(`select '${token}a'; select '${token}b'`),
  checks: [expecting("TDCTDCZ", [[`${token}a`], [`${token}b`]])],
});

const wide: Kind = (_, token) =>
  simple("wide row", `select repeat('${token} ', 3000)`, [[`${token} `.repeat(3000)]]);

const manyRows: Kind = (_, token) => {
  const rows = Array.from({ length: 50 }, (_row, index) => [`${token}.${index}`]);
  return simple("many rows", `select '${token}.' || i from generate_series(0, 49) i`, rows);
};

const failure: Kind = (_, token) => ({
  name: "error",
  request: query(`select '${token}'::int`),
  checks: [expecting("EZ", [], "I", notANumber(token))],
});

const extendedFailure: Kind = (_, token) => ({
  name: "error in a batch",
  request: Buffer.concat([
    parse("", "select $1::int"),
    bind("", [token]),
    DESCRIBE,
    EXECUTE,
    parse("", "select 'never'"),
    SYNC,
  ]),
  checks: [expecting("1EZ", [], "I", notANumber(token))],
});

const setting: Kind = ({ number }) =>
  simple("own setting", "show application_name", [[nameOf(number)]]);

const transaction: Kind = ({ random }, token) => {
  const isKept = random.below(2) === 0;
  return {
    name: isKept ? "transaction" : "transaction that is undone",
    request: Buffer.concat(
      [
        "begin",
        `insert into soak_log values ('${token}')`,
        `set local soak.token = '${token}'`,
        "select current_setting('soak.token')",
        isKept ? "commit" : "rollback",
      ].map(query),
    ),
    checks: [
      expecting("CZ", [], "T"),
      expecting("CZ", [], "T"),
      expecting("CZ", [], "T"),
      expecting("TDCZ", [[token]], "T"),
      expecting("CZ", []),
    ],
    ...(isKept && { logs: token }),
  };
};

const failedTransaction: Kind = (_, token) => ({
  name: "transaction with an error",
  request: Buffer.concat([
    query("begin"),
    parse("", "insert into soak_log values ($1)"),
    bind("", [token]),
    EXECUTE,
    SYNC,
    query(`select '${token}'::int`),
    query("select 'never'"),
    query("commit"),
  ]),
  checks: [
    expecting("CZ", [], "T"),
    expecting("12CZ", [], "T"),
    expecting("EZ", [], "E", notANumber(token)),
    expecting("EZ", [], "E", "25P02:"),
    expecting("CZ", []),
  ],
});

const cancelled: Kind = (_, token) => {
  const whole = expecting("TDCZ", [[token]]);
  const torn = expecting("TEZ", [], "I", "57014:");
  const early = expecting("EZ", [], "I", "57014:");
  return {
    name: "cancelled",
    request: query(`select '${token}' from pg_sleep(0.02)`),
    checks: [(cycle) => (whole(cycle) && torn(cycle) && early(cycle) ? whole(cycle) : undefined)],
    isCancelled: true,
  };
};

/** A kind that stands here several times comes more often. */
const KINDS: readonly [Kind, ...Kind[]] = [
  row,
  ...repeated(row, 20),
  ...repeated(rowByParameter, 20),
  ...repeated(named, 15),
  ...repeated(value, 10),
  ...repeated(transaction, 6),
  ...repeated(failure, 5),
  ...repeated(extendedFailure, 5),
  ...repeated(failedTransaction, 3),
  ...repeated(twoStatements, 5),
  ...repeated(setting, 4),
  ...repeated(manyRows, 3),
  wide,
  cancelled,
];

/** `application_name` of a client. */
export const nameOf = (client: number): string => `client-${client}`;

function ownRow({ number, random }: Asker): number {
  return number * ROWS_OF_CLIENT + random.below(ROWS_OF_CLIENT);
}

function repeated(kind: Kind, count: number): readonly Kind[] {
  return Array.from({ length: count }, () => kind);
}

function notANumber(token: string): string {
  return `22P02: invalid input syntax for type integer: "${token}"`;
}

function simple(name: string, sql: string, rows: Cycle["rows"]): Operation {
  return { name, request: query(sql), checks: [expecting("TDCZ", rows)] };
}

function extended(
  name: string,
  request: readonly Uint8Array[],
  shape: string,
  rows: Cycle["rows"],
): Operation {
  return { name, request: Buffer.concat(request), checks: [expecting(shape, rows)] };
}

/** A cycle of exactly this; of the error only its beginning is looked at. */
function expecting(shape: string, rows: Cycle["rows"], status = "I", error?: string): Check {
  const wanted = JSON.stringify([shape, rows, status]);
  return (cycle) => {
    const got = JSON.stringify([cycle.shape, cycle.rows, cycle.status]);
    const [first, ...others] = cycle.errors;
    const isErrorRight =
      error === undefined ? first === undefined : first?.startsWith(error) && others.length === 0;
    if (got === wanted && isErrorRight) return undefined;
    return `wanted ${wanted} ${error ?? ""}\n   got ${got} ${cycle.errors.join("; ")}`;
  };
}

const query = (sql: string): Buffer => frontendMessage("Q", `${sql}\0`);

const parse = (name: string, sql: string): Buffer => frontendMessage("P", `${name}\0${sql}\0\0\0`);

/** Parameters and results as text. */
function bind(name: string, values: readonly string[]): Buffer {
  const parameters = values.map((each) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(Buffer.byteLength(each));
    return Buffer.concat([length, Buffer.from(each)]);
  });
  const head = Buffer.from(`\0${name}\0\0\0\0${String.fromCharCode(values.length)}`);
  return frontendMessage("B", Buffer.concat([head, ...parameters, Buffer.from("\0\0")]));
}

const DESCRIBE = frontendMessage("D", "P\0");
const EXECUTE = frontendMessage("E", "\0\0\0\0\0");
const SYNC = frontendMessage("S", "");
