import {
  bind,
  describePortal,
  describeStatement,
  execute,
  extended,
  parse,
  sync,
} from "../messages.ts";
import { oneClient, type ParityCase } from "../parity-case.ts";
import type { ParitySession } from "../parity-session.ts";

/** Types, and values of them as text. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  bool: ["t", "false"],
  int2: ["0", "-32768", "32767"],
  int4: ["1", "-2147483648"],
  int8: ["9223372036854775807"],
  oid: ["4294967295"],
  float4: ["1.5", "NaN", "-Infinity", "3.4e38"],
  float8: ["0.1", "1e-307", "-0"],
  numeric: ["0", "12345678901234567890.123456789", "-0.00", "NaN", "Infinity"],
  "numeric(6,2)": ["1234.567"],
  money: ["12.34"],
  text: ["", "two words", "it's", "Grüße 世界 🐘", "tab\tand\nnewline"],
  "varchar(5)": ["abcdefgh"],
  "char(5)": ["ab"],
  '"char"': ["x"],
  name: ["a_name"],
  bytea: ["\\x00ff10", "\\x", "abc\\000def"],
  date: ["2024-02-29", "infinity", "0044-03-15 BC"],
  time: ["23:59:59.999999"],
  timetz: ["12:00:00+05:30"],
  timestamp: ["2024-01-02 03:04:05.6789", "-infinity"],
  timestamptz: ["2024-07-01 12:00:00+02", "1900-01-01 00:00:00Z"],
  interval: ["1 year 2 mons -3 days 04:05:06.7", "0"],
  json: ['{"b": 1,  "a": [1, 2, {"x": null}]}', "null"],
  jsonb: ['{"b": 1,  "a": [1, 2, {"x": null}]}', '"text"'],
  jsonpath: ["$.a[*] ? (@ > 1)"],
  uuid: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  inet: ["192.168.0.1/24", "::1"],
  cidr: ["10.0.0.0/8"],
  macaddr: ["08:00:2b:01:02:03"],
  "bit(4)": ["1010"],
  varbit: ["10101"],
  point: ["(1.5,-2)"],
  box: ["(2,2),(0,0)"],
  path: ["[(0,0),(1,1)]"],
  polygon: ["((0,0),(1,1),(1,0))"],
  circle: ["<(1,2),3>"],
  tsvector: ["'fat':2 'rat':3A"],
  tsquery: ["'fat' & !'rat'"],
  int4range: ["[1,5)", "empty", "(,7]"],
  numrange: ["(1.5,2.5]"],
  tstzrange: ["[2024-01-01 00:00+00,2024-02-01 00:00+00)"],
  int4multirange: ["{[1,3),[5,8)}"],
  "int4[]": ["{1,2,NULL}", "{{1,2},{3,4}}", "{}", "[0:1]={7,8}"],
  "text[]": ['{"two words",NULL,"with \\"quotes\\"",""}'],
  "numeric[]": ["{1.5,2.25}"],
  "date[]": ["{2024-01-01,infinity}"],
  pg_lsn: ["16/B374D848"],
  xid8: ["18446744073709551615"],
  regclass: ["pg_class"],
  mood: ["sad", "happy"],
  "mood[]": ["{sad,ok}"],
  pair: ['(7,"a b")', "(,)"],
  positive: ["42"],
};

/** A value there and back: as text, as binary, the binary as a parameter; and null. */
async function thereAndBack(client: ParitySession, type: string, value: string): Promise<void> {
  const text = `select $1::${type} as value`;
  await client.unit(
    parse("", text),
    describeStatement(""),
    bind("", [value]),
    describePortal(),
    execute(),
  );
  await client.send(parse("", text), bind("", [value], { results: [1] }), execute(), sync());
  const row = await client.until("D");
  await client.ready();
  // Count of columns and length of the value come first.
  const binary = row.subarray(6);
  await client.unit(...extended(text, [binary], { formats: [1], results: [0] }));
}

const LARGE = 3_000_000;

/** Values of every type, in both formats. */
export const TYPE_CASES: readonly ParityCase[] = [
  ...Object.entries(VALUES).map(([type, values]) =>
    oneClient(`type: ${type} in text and binary`, async (client) => {
      for (const value of values) await thereAndBack(client, type, value);
      await client.unit(...extended(`select $1::${type} as value`, [null], { results: [1] }));
    }),
  ),
  oneClient("type: values that are none of their type", async (client) => {
    const wrong: readonly (readonly [string, string])[] = [
      ["int4", "x"],
      ["int2", "40000"],
      ["date", "2024-02-30"],
      ["json", "{"],
      ["uuid", "no"],
      ["mood", "angry"],
      ["positive", "-1"],
      ["int4[]", "{1,"],
    ];
    for (const [type, value] of wrong) {
      await client.unit(...extended(`select $1::${type}`, [value]));
    }
  }),
  oneClient("type: binary values of the wrong length", async (client) => {
    await client.unit(...extended("select $1::int8", [new Uint8Array(3)], { formats: [1] }));
    await client.unit(...extended("select $1::int4[]", [new Uint8Array(5)], { formats: [1] }));
    await client.unit(...extended("select $1::text", [Uint8Array.of(0xff)], { formats: [1] }));
    await client.unit(...extended("select $1::text", [Uint8Array.of(0x61, 0)], { formats: [1] }));
  }),
  oneClient("type: columns in different formats", async (client) => {
    const text = "select $1::int4 as a, $2::text as b, $3::bool as c";
    const formats = { formats: [1, 0, 1], results: [0, 1, 1] };
    await client.unit(
      ...extended(text, [Uint8Array.of(0, 0, 0, 7), "x", Uint8Array.of(1)], formats),
    );
    await client.unit(...extended(text, ["7", "x", "t"], { results: [0, 1] }));
  }),
  oneClient("type: a parameter of several megabytes", async (client) => {
    const value = "0123456789abcdef".repeat(LARGE / 16);
    await client.unit(...extended("select $1::text, length($1::text)", [value]));
    const bytes = new Uint8Array(LARGE).fill(0xfe);
    await client.unit(...extended("select md5($1::bytea)", [bytes], { formats: [1] }));
  }),
  oneClient("type: many columns and many parameters", async (client) => {
    const columns = Array.from({ length: 1_600 }, (_, at) => `${at} as c${at}`);
    await client.query(`select ${columns.join(", ")}`);
    const values = Array.from({ length: 3_000 }, (_, at) => String(at));
    const list = values.map((_, at) => `$${at + 1}::int`);
    await client.unit(...extended(`select sum(x) from unnest(array[${list.join(",")}]) x`, values));
  }),
  oneClient("type: records, and arrays of them", async (client) => {
    await client.query("select row(1, 'x', null), array[row(1, 'a')::pair, null]");
    await client.unit(...extended("select array[row(1, 'a')::pair]", [], { results: [1] }));
  }),
];
