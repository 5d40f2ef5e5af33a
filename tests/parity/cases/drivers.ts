import { SQL } from "bun";
import { Client } from "pg";
import postgresJs from "postgres";
import { NO_TRANSACTIONS } from "../differences.ts";
import { type CaseOptions, onStage, type ParityCase } from "../parity-case.ts";
import type { Stage } from "../stage.ts";

/** What a program of a driver plays on: others use the server connections whenever it says so. */
interface Program<Driver> {
  readonly sql: Driver;
  readonly disturb: () => Promise<void>;
}

const USER = "postgres";

/** A case in which a driver says what is sent. */
function driverCase<Driver>(
  name: string,
  open: (stage: Stage, port: number) => Promise<Driver>,
  close: (driver: Driver) => Promise<void>,
  program: (on: Program<Driver>) => Promise<void>,
  options?: CaseOptions,
): ParityCase {
  return onStage(
    name,
    async (stage) => {
      const { port } = await stage.tap();
      const sql = await open(stage, port);
      try {
        await program({ sql, disturb: async () => await stage.disturb() });
      } finally {
        await close(sql);
      }
    },
    options,
  );
}

/** What is expected to fail, and must not end the program. */
async function fails(asked: PromiseLike<unknown>): Promise<void> {
  const failure: unknown = await Promise.resolve(asked).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure === undefined) throw new Error("it did not fail");
}

const pg = (
  name: string,
  program: (on: Program<Client>) => Promise<void>,
  options?: CaseOptions,
): ParityCase =>
  driverCase(
    `pg: ${name}`,
    async ({ database }, port) => {
      const client = new Client({ host: "127.0.0.1", port, user: USER, database, password: "any" });
      // Where the gateway ends the session, the program fails at its next query all the same.
      client.on("error", () => undefined);
      await client.connect();
      return client;
    },
    async (client) => await client.end(),
    program,
    options,
  );

const postgres = (
  name: string,
  program: (on: Program<postgresJs.Sql>) => Promise<void>,
  options?: CaseOptions,
): ParityCase =>
  driverCase(
    `postgres: ${name}`,
    async ({ database }, port) => {
      const sql = postgresJs({
        ...{ host: "127.0.0.1", port, user: USER, database, max: 1 },
        onnotice: () => undefined,
        // Whatever other cases have left would be among them.
        fetch_types: false,
      });
      await sql`select 'connected'`;
      return sql;
    },
    async (sql) => await sql.end(),
    program,
    options,
  );

const bun = (
  name: string,
  program: (on: Program<SQL>) => Promise<void>,
  options?: CaseOptions,
): ParityCase =>
  driverCase(
    `Bun.SQL: ${name}`,
    async ({ database }, port) => {
      const sql = new SQL({
        ...{ adapter: "postgres", hostname: "127.0.0.1", port, username: USER, database, max: 1 },
      });
      await sql`select 'connected'`;
      return sql;
    },
    async (sql) => await sql.end(),
    program,
    options,
  );

const TRANSACTIONAL: CaseOptions = { differs: [NO_TRANSACTIONS] };
/** Of several megabytes. */
const LARGE = "0123456789abcdef".repeat(200_000);
const ROUNDS = [1, 2, 3, 4];

/** Programs of drivers: what they send is their own choice. */
export const DRIVER_CASES: readonly ParityCase[] = [
  pg("statements with names", async ({ sql, disturb }) => {
    for (const x of ROUNDS) {
      for (const name of ["plus", "minus"]) {
        const text = `select $1::int ${name === "plus" ? "+" : "-"} 1 as x, $2::text as y`;
        await sql.query({ name, text, values: [x, `value ${x}`] });
        await disturb();
      }
    }
    await fails(
      sql.query({
        name: "plus",
        text: "select $1::int + 1 as x, $2::text as y",
        values: ["x", ""],
      }),
    );
    await fails(sql.query({ name: "broken", text: "selec 1" }));
    await sql.query({ name: "broken", text: "select 'mended'" });
  }),
  pg("values of many types", async ({ sql, disturb }) => {
    const text =
      "select $1::int, $2::bigint, $3::numeric, $4::text, $5::bool, $6::jsonb, $7::timestamptz, $8::int[], $9::bytea";
    const at = new Date("2024-02-29T12:34:56.789Z");
    const rows: readonly unknown[][] = [
      [
        1,
        "9007199254740993",
        "1.50",
        "größe",
        true,
        { a: [1, null] },
        at,
        [1, 2],
        Buffer.from([0, 255]),
      ],
      Array.from({ length: 9 }, () => null),
    ];
    for (const values of rows) {
      await sql.query(text, values);
      await disturb();
      await sql.query({ name: "types", text, values });
    }
  }),
  pg(
    "rows in portions, an empty query, several statements",
    async ({ sql, disturb }) => {
      const portions = {
        text: "select x from generate_series(1, 10) x where x > $1",
        values: [2],
        rows: 3,
      };
      await sql.query(portions);
      await disturb();
      await sql.query({ ...portions, name: "portions" });
      await sql.query("");
      await sql.query("select 1; select 'two'; select null");
      await fails(sql.query("select 1; select 1/0; select 3"));
      await sql.query("do $$ begin raise notice 'told'; end $$; select 'goes on'");
    },
    { sharing: "beside" },
  ),
  pg(
    "transactions, with an error in one",
    async ({ sql, disturb }) => {
      for (const x of ROUNDS) {
        await sql.query("begin");
        await sql.query({
          name: "put",
          text: "insert into copied values ($1, $2, 1)",
          values: [x, "x"],
        });
        if (x % 2 === 0)
          await fails(
            sql.query({
              name: "put",
              text: "insert into copied values ($1, $2, 1)",
              values: [x, "again"],
            }),
          );
        await sql.query(x === 3 ? "rollback" : "commit");
        await disturb();
      }
      await sql.query("delete from copied returning id");
    },
    TRANSACTIONAL,
  ),
  pg("large values", async ({ sql, disturb }) => {
    await sql.query("select length($1), $1", [LARGE]);
    await disturb();
    await sql.query({ name: "large", text: "select $1::text as x", values: [LARGE] });
    await sql.query({ name: "large", text: "select $1::text as x", values: ["small"] });
  }),
  postgres("statements, again and again", async ({ sql, disturb }) => {
    for (const x of ROUNDS) {
      await sql`select ${x}::int as x, ${"text"}::text as y`;
      await disturb();
      await sql`select id, name from numbers where id < ${x + 3} order by id`;
      await fails(sql`select ${x} / ${0}::int`.execute());
    }
    await sql.unsafe("select 1 as x; select 2 as y");
    await sql.unsafe("select $1::int as x", [1], { prepare: true });
  }),
  postgres("a pipeline of queries", async ({ sql, disturb }) => {
    for (const round of ROUNDS) {
      const many = Array.from(
        { length: 25 },
        async (_, x) => await sql`select ${x}::int + ${round}::int as x`,
      );
      await Promise.all(many);
      await disturb();
    }
  }),
  postgres("cursors and rows one by one", async ({ sql, disturb }) => {
    await sql`select x from generate_series(1, 50) x`.cursor(20, () => undefined);
    await disturb();
    for await (const rows of sql`select x from generate_series(1, 10) x`.cursor(4)) void rows;
    await sql`select x from generate_series(1, 10) x`.forEach(() => undefined);
  }),
  postgres("copies in", async ({ sql, disturb }) => {
    const lines = Array.from({ length: 3_000 }, (_, x) => `${x}\t${"z".repeat(x % 50)}\t1\n`);
    const writable = await sql`copy copied from stdin`.writable();
    await new Promise<void>((resolve, reject) => {
      writable.on("finish", resolve).on("error", reject);
      writable.end(lines.join(""));
    });
    await disturb();
    await sql`delete from copied`;
  }),
  postgres("its statements are described first", async ({ sql, disturb }) => {
    for (const _ of ROUNDS) {
      await sql`select ${1}::int as x`.describe();
      await disturb();
    }
  }),
  bun("statements, again and again", async ({ sql, disturb }) => {
    for (const x of ROUNDS) {
      await sql`select ${x}::int as x, ${"text"}::text as y`;
      await disturb();
      await sql`select id, name from numbers where id < ${x + 3} order by id`;
      await fails(sql`select ${x}::int / ${0}::int`);
    }
  }),
  bun("texts without values", async ({ sql, disturb }) => {
    for (const text of ["select 1 as x", "select 'two' as y; select 3", "selec", "select 1/0"]) {
      const asked = sql.unsafe(text);
      if (text === "selec" || text.endsWith("0")) await fails(asked);
      else await asked;
      await disturb();
    }
  }),
  bun(
    "transactions",
    async ({ sql, disturb }) => {
      await sql.begin(async (inside) => {
        await inside`insert into copied values (${1}, ${"x"}, 1)`;
        await inside`select count(*) from copied`;
      });
      await disturb();
      await fails(sql.begin(async (inside) => await inside`select 1 / ${0}::int`));
      await sql`delete from copied returning id`;
    },
    TRANSACTIONAL,
  ),
  bun("large values", async ({ sql, disturb }) => {
    await sql`select length(${LARGE}::text)`;
    await disturb();
    await sql`select ${LARGE}::text as x`;
  }),
];
