/** Which statements may be shared, decided against the catalogue of a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client, DatabaseError } from "pg";
import { REVIEWED_FUNCTIONS, Sharing } from "../../src/sharing/index.ts";
import type { CatalogueAnswer, SharedText, SharingScope } from "../../src/sharing/index.ts";
import { FakeClock } from "../fixtures/fake-clock.ts";
import { MemoryLogger } from "../fixtures/memory-logger.ts";
import { SeededRandom } from "../fixtures/seeded-random.ts";
import { SEED, SEED_HINT, times } from "../fixtures/test-size.ts";
import { startPostgres, waitFor } from "../kit/index.ts";
import type { PostgresServer } from "../kit/index.ts";

let postgres: PostgresServer;
let admin: Client;

const SCHEMA = `
CREATE TABLE t (id int PRIMARY KEY, name text, tags text[], at timestamptz, doc jsonb, price numeric);
CREATE TABLE u (id int, name varchar(20), t_id int);
CREATE VIEW v AS SELECT * FROM t;
CREATE SEQUENCE s;
CREATE VIEW writing AS SELECT nextval('s') FROM t;
CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE guarded (id int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair AS (a int, b int);
CREATE TABLE with_domain (id positive);
CREATE TABLE with_domains (ids positive[]);
CREATE TABLE with_moods (id mood, all_of mood[]);
CREATE TABLE with_pair (id pair);
CREATE TABLE with_xml (id xml);
CREATE TABLE with_row (id t);
CREATE FUNCTION stable_one(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION volatile_one(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION upper(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION nuke(t) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE DOMAIN lower AS text CHECK (value <> 'x');
CREATE TABLE computed (id int, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL);
CREATE TABLE stored (id int, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE elsewhere (id int) SERVER files OPTIONS (filename '/dev/null');
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
CREATE FOREIGN TABLE grandchild () INHERITS (child) SERVER files OPTIONS (filename '/dev/null');
CREATE SCHEMA other;
CREATE TABLE other.t (id int, extra positive);
CREATE TABLE other.only_there (id int);
CREATE FUNCTION other.f() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.same(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR shadow.= (leftarg = int, rightarg = int, function = shadow.same);
`;

beforeAll(async () => {
  postgres = await startPostgres();
  admin = new Client(postgres.url);
  await admin.connect();
  await admin.query(SCHEMA);
});

afterAll(async () => {
  await admin.end();
  await postgres[Symbol.asyncDispose]();
});

/** A scope whose questions go to a connection of its own, and what has been said of statements. */
class Asker implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly logger = new MemoryLogger();
  readonly scope: SharingScope;
  readonly #sharing: Sharing;
  readonly #client = new Client(postgres.url);

  private constructor(allowFunctions: readonly string[]) {
    const { clock, logger } = this;
    this.#sharing = new Sharing({ block: "b", allowFunctions, clock, logger });
    this.scope = this.#sharing.scope("u/d", "", (sql) => this.#ask(sql));
  }

  /** @param setup statements that the session runs first */
  static async open(setup: string, allowFunctions: readonly string[] = []): Promise<Asker> {
    const asker = new Asker(allowFunctions);
    await asker.#client.connect();
    await asker.#client.query(setup);
    return asker;
  }

  get checks(): number {
    return this.logger.count("statement checked");
  }

  look(sql: string): SharedText {
    const bytes = Buffer.from(sql);
    const text = this.scope.look(bytes, 0, bytes.length);
    if (text === undefined) throw new Error(`no key: ${sql}`);
    return text;
  }

  /** Whether it may be shared, after a check; else why not. */
  async judge(sql: string): Promise<boolean | string> {
    const text = this.look(sql);
    const { checks } = this;
    // The grammar rests after it has read one.
    const probe = () => {
      this.clock.advance(100);
      return text.isShared || this.checks > checks;
    };
    await waitFor("a check", probe, { intervalMs: 1 });
    const said = this.logger.records.findLast(({ fields }) => fields["statement"] === String(text));
    return text.isShared || String(said?.fields["reason"]);
  }

  async #ask(sql: string): Promise<CatalogueAnswer> {
    try {
      const { rows } = await this.#client.query<(string | null)[]>({ text: sql, rowMode: "array" });
      return { rows, error: undefined };
    } catch (thrown) {
      if (thrown instanceof DatabaseError) return { rows: [], error: thrown };
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sharing.close();
    await this.#client.end();
  }
}

describe("what a database says", () => {
  let asker: Asker;
  beforeAll(async () => {
    asker = await Asker.open("");
  });
  afterAll(() => asker[Symbol.asyncDispose]());

  test.each<[string]>([
    ["select 1"],
    [
      "select abalance from t join u on t.id = u.t_id where t.name = 'x'".replace(
        "abalance",
        "price",
      ),
    ],
    ["select * from public.t where id = any($1) order by at desc limit 10"],
    ["select t.*, row_to_json(t) from t"],
    ["select id from m"],
    ["select * from parts where at > '2000-01-01'"],
    ["select * from with_moods where id = 'sad' and 'happy' = any(all_of)"],
    ["select * from stored"],
    ["select 'sad'::mood, '{sad}'::mood[], 'x'::varchar(3), date '2000-01-01', '{1}'::int[]"],
    ["select count(*), max(id), string_agg(name, ',') from t group by price having count(*) > 1"],
    ["select extract(year from at), date_trunc('day', at), now() - at from t"],
    ["select doc->>'a', doc @> '{}', jsonb_array_length(doc), tags[1] from t"],
    ["select pg_catalog.upper(name), pg_catalog.lower(name), coalesce(name, 'x') from t"],
    ["select relname from pg_class where relkind = 'r'"],
    ["select current_user, current_timestamp, current_date"],
    ["with c as (select id from t) select * from c union select id from u"],
    ["select * from generate_series(1, 3) g, unnest(array[1, 2]) x"],
    ['select name collate "C" from t order by 1'],
  ])("%p may be shared", async (sql) => {
    expect(await asker.judge(sql)).toBe(true);
    // It is one that works.
    if (!sql.includes("$1")) await admin.query(sql);
  });

  test.each<[string, string]>([
    ["select * from v", 'relation "v" is none that may be shared'],
    ["select * from writing", 'relation "writing" is none that may be shared'],
    ["select last_value from s", 'relation "s" is none that may be shared'],
    ["select * from guarded", 'relation "guarded" is none that may be shared'],
    ["select * from elsewhere", 'relation "elsewhere" is none that may be shared'],
    ["select * from parent", 'relation "parent" is or has a foreign table'],
    ["select * from not_there", 'relation "not_there" is none that may be shared'],
    ["select * from not_there.t", 'relation "not_there"."t" is none that may be shared'],
    ["select * from pg_stat_activity", 'relation "pg_stat_activity" is none that may be shared'],
    ["select * from pg_locks", 'relation "pg_locks" is none that may be shared'],
    [
      "select * from with_domain",
      'column "with_domain".id is of a type or kind that is not shared',
    ],
    [
      "select 1 from with_domains",
      'column "with_domains".ids is of a type or kind that is not shared',
    ],
    ["select * from with_pair", 'column "with_pair".id is of a type or kind that is not shared'],
    ["select * from with_row", 'column "with_row".id is of a type or kind that is not shared'],
    ["select * from with_xml", 'column "with_xml".id is of a type or kind that is not shared'],
    ["select * from computed", 'column "computed".twice is of a type or kind that is not shared'],
    ["select 1::positive", 'type "positive" is none that may be shared'],
    ["select array[1]::positive[]", 'type "positive" is none that may be shared'],
    ["select row(1, 2)::pair", 'type "pair" is none that may be shared'],
    ["select null::t", 'type "t" is none that may be shared'],
    ["select '<a/>'::xml", 'type "xml" is none that may be shared'],
    ["select stable_one(1)", "function stable_one is not known to be harmless"],
    ["select upper('x')", "function public.upper is volatile or not known to be harmless"],
    ["select upper(1)", "function public.upper is volatile or not known to be harmless"],
    ["select lower('x')", "function lower may be a type"],
    ["select t.nuke from t", "field nuke may be a function"],
    ["select (t).nuke from t", "field nuke may be a function"],
    ["select random()", "function random is not known to be harmless"],
    ["select pg_sleep(1)", "function pg_sleep is not known to be harmless"],
    ["select nextval('s')", "function nextval is not known to be harmless"],
    ["select lastval()", "function lastval is not known to be harmless"],
    ["select pg_advisory_lock(1)", "function pg_advisory_lock is not known to be harmless"],
    ["select set_config('a.b', 'c', false)", "function set_config is not known to be harmless"],
    [
      "select current_setting('application_name')",
      "function current_setting is not known to be harmless",
    ],
    [
      "select * from dblink('', 'select 1') as x (a int)",
      "function dblink is not known to be harmless",
    ],
    ["select lo_create(1)", "function lo_create is not known to be harmless"],
    ["select pg_notify('a', 'b')", "function pg_notify is not known to be harmless"],
    ["select txid_current()", "function txid_current is not known to be harmless"],
    [
      "select query_to_xml('select 1', true, true, '')",
      "function query_to_xml is not known to be harmless",
    ],
    ["select * from t for update", "lockingClause of a SelectStmt"],
  ])("%p is exclusive: %p", async (sql, reason) => {
    expect(await asker.judge(sql)).toBe(reason);
  });

  test("a table that nobody may look for is exclusive", async () => {
    await admin.query("CREATE ROLE nobody; CREATE SCHEMA secret; CREATE TABLE secret.t (id int)");
    await using nobody = await Asker.open("SET ROLE nobody");
    expect(await nobody.judge("select * from secret.t")).toBe(
      "permission denied for schema secret",
    );
  });
});

describe("settings", () => {
  test("say what a name means", async () => {
    await using here = await Asker.open("");
    expect(await here.judge("select id from t")).toBe(true);
    expect(await here.judge("select id from only_there")).toBeString();
    await using there = await Asker.open("SET search_path = other, public");
    expect(await there.judge("select id from only_there")).toBe(true);
    expect(await there.judge("select id from t")).toContain("extra");
    expect(await there.judge("select id from public.t")).toBe(true);
  });

  test("may put an operator of users before PostgreSQL's own, which the check itself does not use", async () => {
    await using asker = await Asker.open("SET search_path = shadow, pg_catalog, public");
    expect(await asker.judge("select id from t where id = 1")).toBe(
      "operator = is not only PostgreSQL's own",
    );
    expect(await asker.judge("select id from t where name = 'x'")).toBeString();
    expect(await asker.judge("select id from t where id in (1, 2)")).toBeString();
    expect(await asker.judge("select * from t join u using (id)")).toBeString();
    expect(await asker.judge("select id from t where id operator(pg_catalog.=) 1")).toBe(true);
    expect(await asker.judge("select id from t where id < 1")).toBe(true);
    expect(await asker.judge("select * from guarded where id < 1")).toBeString();
  });
});

describe("functions that are allowed", () => {
  test("are shared when they are not volatile, in their schema or in any", async () => {
    await using asker = await Asker.open("", [
      "stable_one",
      "volatile_one",
      "other.f",
      "public.upper",
    ]);
    expect(await asker.judge("select stable_one(id) from t")).toBe(true);
    expect(await asker.judge("select public.stable_one(1)")).toBe(true);
    expect(await asker.judge("select volatile_one(1)")).toBe(
      "function public.volatile_one is volatile or not known to be harmless",
    );
    expect(await asker.judge("select other.f()")).toBe(true);
    expect(await asker.judge("select public.f()")).toBe("function f is not known to be harmless");
    expect(await asker.judge("select upper('x')")).toBe(true);
  });
});

describe("extensions", () => {
  test("with types and operators of their own leave those of PostgreSQL's types alone", async () => {
    await admin.query("CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree");
    await admin.query("CREATE TABLE loose (id int, name citext)");
    try {
      await using asker = await Asker.open("");
      expect(await asker.judge("select max(name) from t where name = $1 and id < 5")).toBe(true);
      expect(await asker.judge("select doc -> 'x' from t where name like 'x%'")).toBeString();
      expect(await asker.judge("select * from loose where name = 'x'")).toBeString();
    } finally {
      await admin.query("DROP TABLE loose; DROP EXTENSION citext, hstore, ltree");
    }
  });

  test("with operators on PostgreSQL's types take these", async () => {
    await admin.query("CREATE EXTENSION intarray");
    try {
      await using asker = await Asker.open("");
      expect(await asker.judge("select array[1] && array[2]")).toBe(
        "operator && is not only PostgreSQL's own",
      );
      expect(await asker.judge("select 1 = 2")).toBe(true);
    } finally {
      await admin.query("DROP EXTENSION intarray");
    }
  });

  test("with casts between what may be shared take everything", async () => {
    await admin.query("CREATE FUNCTION to_int(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'");
    await admin.query("CREATE CAST (mood AS int) WITH FUNCTION to_int(mood) AS IMPLICIT");
    try {
      await using asker = await Asker.open("");
      expect(await asker.judge("select 1")).toBe("a cast runs to_int");
    } finally {
      await admin.query("DROP FUNCTION to_int(mood) CASCADE");
    }
  });
});

/** What a database may have beside PostgreSQL's own, to be met by accident. */
const CLUTTER = `
CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION pg_trgm;
CREATE EXTENSION cube; CREATE EXTENSION seg;
CREATE FUNCTION odd(mood, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
CREATE OPERATOR || (leftarg = mood, rightarg = text, function = odd);
CREATE FUNCTION odd(citext, int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR + (leftarg = citext, rightarg = int, function = odd);
CREATE FUNCTION odd(t, t) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR < (leftarg = t, rightarg = t, function = odd);
CREATE FUNCTION odd(positive) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR - (rightarg = positive, function = odd);
CREATE FUNCTION length(mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION reverse(hstore) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION left(hstore, int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION abs(positive) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION count(t) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION ceil(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE clutter (i int, n numeric, x text, y varchar(9), d jsonb, a text[], m mood, o date);
CREATE FUNCTION price(clutter) RETURNS int LANGUAGE sql AS 'SELECT 1';`;

const OPERANDS: readonly [string, ...string[]] = [
  ...("i n x y d a m o clutter 1 1.5 'x' NULL".split(" ") as [string, ...string[]]),
  ..."'1'::int 'sad'::mood array['x'] row(1,'x') (select'x') coalesce(null,'x') x::varchar".split(
    " ",
  ),
];
const OPERATORS: readonly [string, ...string[]] = [
  ...("= <> < <= || + - ~ ~~ @> <@ ? -> ->> % <-> && #> @ @@ is_distinct_from not_in between".split(
    " ",
  ) as [string, ...string[]]),
];
const CALLED: readonly [string, ...string[]] = [
  ...("upper length reverse abs count ceil max min lower to_json array_agg row_to_json".split(
    " ",
  ) as [string, ...string[]]),
];

test(
  "what PostgreSQL makes of a statement that may be shared is all its own",
  async () => {
    const random = new SeededRandom(SEED);
    const operand = (): string => random.oneOf(OPERANDS);
    const expression = (): string => {
      switch (random.below(9)) {
        case 8:
          return random.oneOf(["clutter.x", "clutter.price", "(clutter).ceil", "clutter.count"]);
        case 0:
          return `${random.oneOf(CALLED)}(${operand()})`;
        case 1:
          return `left(${operand()}, ${operand()})`;
        case 2:
          return `replace(${operand()}, ${operand()}, ${operand()})`;
        case 3:
          return `- ${operand()}`;
        case 4:
          return `case ${operand()} when ${operand()} then 1 end`;
        default: {
          // Most pairs of operands have no operator.
          const left = operand();
          const right = random.oneOf([left, "'x'", "x", operand()]);
          return binary(left, random.oneOf(OPERATORS), right);
        }
      }
    };
    await admin.query(`BEGIN; ${CLUTTER} COMMIT`);
    try {
      await using asker = await Asker.open("");
      const counts = { shared: 0, exclusive: 0, failing: 0 };
      for (let round = 0; round < times(150, 5_000); round++) {
        const sql = `select ${expression()} as c1 from clutter`;
        const foreign = await notOwnIn(sql);
        if (foreign === undefined) counts.failing++;
        else if ((await asker.judge(sql)) === true) {
          counts.shared++;
          if (foreign.length > 0) throw new Error(`${SEED_HINT}: ${sql} has ${foreign.join()}`);
        } else counts.exclusive++;
      }
      expect(counts.shared).toBeGreaterThan(3);
      expect(counts.exclusive).toBeGreaterThan(3);
    } finally {
      await admin.query(`DROP TABLE clutter CASCADE; DROP FUNCTION count(t), length(mood), abs(positive),
      ceil(anyelement), odd(mood, text), odd(t, t), odd(positive) CASCADE;
      DROP EXTENSION citext, hstore, ltree, pg_trgm, cube, seg CASCADE`);
    }
  },
  times(30_000, 600_000),
);

function binary(left: string, operator: string, right: string): string {
  if (operator === "is_distinct_from") return `${left} is distinct from ${right}`;
  if (operator === "not_in") return `${left} not in (${right}, ${left})`;
  if (operator === "between") return `${left} between ${right} and ${left}`;
  return `${left} ${operator} ${right}`;
}

/**
 * The functions, operators and types in a statement that are not PostgreSQL's own, but for enums: a view of it
 * depends on them. Undefined when the statement is an error.
 */
async function notOwnIn(sql: string): Promise<readonly string[] | undefined> {
  await admin.query("BEGIN");
  try {
    await admin.query(`CREATE TEMP VIEW made AS ${sql}`);
    const { rows } = await admin.query<{ what: string }>(
      `SELECT pg_describe_object(refclassid, refobjid, 0) AS what FROM pg_depend d
       JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
       WHERE r.ev_class = 'made'::regclass AND refobjid >= 16384
       AND refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
       AND NOT (refclassid = 'pg_type'::regclass AND refobjid = 'mood'::regtype)`,
    );
    return rows.map(({ what }) => what);
  } catch (thrown) {
    if (thrown instanceof DatabaseError) return undefined;
    throw thrown;
  } finally {
    await admin.query("ROLLBACK");
  }
}

describe("a verdict", () => {
  test("is found anew after definitions have changed", async () => {
    await admin.query("CREATE TABLE changing (id int)");
    await using asker = await Asker.open("");
    const sql = "select * from changing";
    expect(await asker.judge(sql)).toBe(true);
    const { checks } = asker;
    await admin.query("ALTER TABLE changing ENABLE ROW LEVEL SECURITY");
    expect(asker.look(sql).isShared).toBe(true);
    asker.scope.definitionsChanged();
    expect(asker.look(sql).isShared).toBe(false);
    await waitFor("a check", () => asker.checks > checks);
    expect(asker.look(sql).isShared).toBe(false);
    await admin.query("ALTER TABLE changing DISABLE ROW LEVEL SECURITY");
    asker.scope.definitionsChanged();
    expect(await asker.judge(sql)).toBe(true);
  });

  test("is renewed every minute, and may get another one then", async () => {
    await admin.query("CREATE TABLE aging (id int)");
    await using asker = await Asker.open("");
    const sql = "select * from aging";
    expect(await asker.judge(sql)).toBe(true);
    await admin.query("DROP TABLE aging; CREATE VIEW aging AS SELECT 1 AS id");
    asker.clock.advance(60_000);
    const { checks } = asker;
    expect(asker.look(sql).isShared).toBe(true);
    await waitFor("a check", () => asker.checks > checks);
    expect(asker.look(sql).isShared).toBe(false);
  });
});

test("the reviewed functions are there, and none is volatile", async () => {
  const { rows } = await admin.query<{ proname: string; kinds: string }>(
    `SELECT proname, string_agg(DISTINCT provolatile::text, '') AS kinds FROM pg_proc
     WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY 1`,
  );
  const kinds = new Map(rows.map((row) => [row.proname, row.kinds]));
  for (const name of REVIEWED_FUNCTIONS) {
    expect([name, kinds.get(name)]).toEqual([name, expect.stringMatching(/^[is]+$/)]);
  }
});
