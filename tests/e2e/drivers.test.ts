import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Client } from "pg";
import postgresJs from "postgres";
import {
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  psql,
  startGatewayd,
  startPostgres,
  testNeeding,
} from "../kit/index.ts";

/** The server asks for SCRAM-SHA-256, so every test here also proves that a login is relayed. */
let postgres: PostgresServer;
let gatewayd: GatewaydProcess;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  gatewayd = await startGatewayd({ config: oneBlockConfig(postgres.address) });
}, 60_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** A text too large for one read or one write anywhere on the way. */
const LARGE = "0123456789abcdef".repeat(256 * 1024);

describe("psql", () => {
  const run = (sql: string, password: string = postgres.password) =>
    psql(sql, { host: gatewayd.host, port: gatewayd.port, env: { PGPASSWORD: password } });

  testNeeding("psql")("logs in by SCRAM and gets rows", async () => {
    const result = await run("select 1, 'two'; select generate_series(1, 3);\n");
    expect(result).toEqual({ code: 0, signal: null, stdout: "1|two\n1\n2\n3\n", stderr: "" });
  });

  testNeeding("psql")("is told by the server that its password is wrong", async () => {
    const result = await run("select 1", "wrong");
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('password authentication failed for user "postgres"');
  });

  testNeeding("psql")("is told of an error and goes on in the same connection", async () => {
    const result = await run("\\set ON_ERROR_STOP 0\nselect 1/0;\nselect 'still here';\n");
    expect(result.stderr).toContain("22012");
    expect(result.stdout).toBe("still here\n");
  });

  testNeeding("psql")("copies in and out", async () => {
    const result = await run(
      `create temporary table copied (x int, t text);
\\copy copied from stdin
1\tone
2\ttwo
\\.
insert into copied select x, repeat('y', 1000) from generate_series(3, 20000) x;
\\copy copied to /dev/null
copy (select t from copied where x < 3 order by x) to stdout;
select count(*), sum(length(t)) from copied;
`,
    );
    expect(result.stderr).toBe("");
    expect(result.stdout).toBe("one\ntwo\n20000|19998006\n");
  });

  testNeeding("psql")("describes a query by the extended protocol", async () => {
    const result = await run("select 1 as x, 'y'::text as y \\gdesc\n");
    expect(result.stderr).toBe("");
    expect(result.stdout).toBe("x|integer\ny|text\n");
  });
});

describe("pg", () => {
  async function withClient<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const { user, password, database } = postgres;
    const { host, port } = gatewayd;
    const client = new Client({ host, port, user, password, database });
    await client.connect();
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  }

  test("runs simple, extended and prepared queries", async () => {
    await withClient(async (client) => {
      expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      expect((await client.query("select $1::int * 2 as x", [21])).rows).toEqual([{ x: 42 }]);
      for (const value of [1, 2, 3]) {
        const query = { name: "kept", text: "select $1::int as x", values: [value] };
        expect((await client.query(query)).rows).toEqual([{ x: value }]);
      }
    });
  });

  test("sends and receives values of several megabytes", async () => {
    await withClient(async (client) => {
      const { rows } = await client.query("select $1::text as text", [LARGE]);
      expect(rows[0]?.text === LARGE).toBe(true);
    });
  });

  test("rolls back and commits", async () => {
    await withClient(async (client) => {
      await client.query("create temporary table kept (x int)");
      await client.query("begin");
      await client.query("insert into kept values (1)");
      await client.query("rollback");
      await client.query("begin; insert into kept values (2); commit");
      expect((await client.query("select x from kept")).rows).toEqual([{ x: 2 }]);
    });
  });

  test("hears of notifications while it is idle", async () => {
    await withClient(async (client) => {
      const heard = new Promise((resolve) => client.once("notification", resolve));
      await client.query("listen news");
      await postgres.query("notify news, 'hello'");
      expect(await heard).toMatchObject({ channel: "news", payload: "hello" });
    });
  });

  test("gets the server's error codes, also in an aborted transaction", async () => {
    await withClient(async (client) => {
      await client.query("begin");
      await expect(client.query("select $1::int", ["x"])).rejects.toMatchObject({ code: "22P02" });
      await expect(client.query("select 1")).rejects.toMatchObject({ code: "25P02" });
      await client.query("rollback");
      expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    });
  });
});

describe("postgres", () => {
  const connect = () =>
    postgresJs({
      host: gatewayd.host,
      port: gatewayd.port,
      user: postgres.user,
      password: postgres.password,
      database: postgres.database,
      max: 2,
    });

  test("pipelines queries, streams a cursor and keeps transactions apart", async () => {
    const sql = connect();
    const many = await Promise.all(
      Array.from({ length: 100 }, async (_, x) => (await sql`select ${x}::int as x`)[0]?.["x"]),
    );
    expect(many).toEqual(Array.from({ length: 100 }, (_, x) => x));
    let count = 0;
    await sql`select generate_series(1, 1000)`.cursor(100, (rows) => {
      count += rows.length;
    });
    expect(count).toBe(1000);
    await sql.begin(async (transaction) => {
      await transaction`create temporary table own (x int) on commit drop`;
      await transaction`insert into own values (1)`;
      expect(await transaction`select x from own`).toMatchObject([{ x: 1 }]);
    });
    await expect(sql`select * from own`.execute()).rejects.toMatchObject({ code: "42P01" });
    await sql.end();
  });

  test("copies in and out by streams", async () => {
    const sql = connect();
    const lines = Array.from({ length: 50_000 }, (_, x) => `${x}\t${"z".repeat(x % 100)}\n`);
    await sql.reserve().then(async (one) => {
      await one`create temporary table streamed (x int, t text)`;
      const writable = await one`copy streamed from stdin`.writable();
      const finished = new Promise<void>((resolve, reject) => {
        writable.on("finish", resolve).on("error", reject);
      });
      writable.end(lines.join(""));
      await finished;
      const readable = await one`copy (select * from streamed order by x) to stdout`.readable();
      const chunks: Buffer[] = [];
      for await (const chunk of readable) chunks.push(Buffer.from(chunk));
      expect(Buffer.concat(chunks).toString() === lines.join("")).toBe(true);
      one.release();
    });
    await sql.end();
  });
});

describe("Bun.SQL", () => {
  test("logs in, prepares, and moves large values", async () => {
    const { host, port } = gatewayd;
    const { user: username, password, database } = postgres;
    const sql = new SQL({
      adapter: "postgres",
      hostname: host,
      port,
      username,
      password,
      database,
    });
    for (const x of [1, 2]) expect([...(await sql`select ${x}::int as x`)]).toEqual([{ x }]);
    const [row] = await sql`select ${LARGE} as text`;
    expect(row.text === LARGE).toBe(true);
    const outcome: unknown = await sql`select 1/0`.catch((error: unknown) => error);
    expect(outcome).toMatchObject({ errno: "22012" });
    await sql.begin(async (transaction) => {
      expect([...(await transaction`select 2 as x`)]).toEqual([{ x: 2 }]);
    });
    await sql.end();
  });
});
