import { NO_TRANSACTIONS, PLACE_BEHIND_A_NAME } from "../differences.ts";
import {
  bind,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  extended,
  parse,
  query,
  sync,
} from "../messages.ts";
import { oneClient, onStage, type ParityCase, simpleQueries } from "../parity-case.ts";

/** Advisory locks of this session in this database: others are there too. */
const LOCKS =
  "from pg_locks join pg_database d on database = d.oid " +
  "where locktype = 'advisory' and datname = current_database() and objid in (7, 8)";

/** What a session has at its server: SQL's prepared statements, temporary tables, locks, and DISCARD. */
export const SESSION_STATE_CASES: readonly ParityCase[] = [
  ...simpleQueries(
    {
      "prepare: PREPARE, EXECUTE, DEALLOCATE": [
        "prepare add (int, int) as select $1 + $2 as sum",
        "execute add(1, 2)",
        "execute add(30, 4)",
        "execute add(1)",
        "execute add('x', 1)",
        "prepare add as select 1",
        "deallocate add",
        "execute add(1, 2)",
        "deallocate add",
      ],
      "prepare: DEALLOCATE ALL and DISCARD PLANS": [
        "prepare one as select 1",
        "prepare two as select 2",
        "discard plans",
        "execute one",
        "deallocate prepare one",
        "deallocate all",
        "execute two",
      ],
      "prepare: of what changes rows": [
        "prepare put as insert into copied values ($1, $2, $3) returning *",
        "execute put(1, 'one', 1)",
        "execute put(1, 'one', 1)",
        "prepare gone as delete from copied",
        "execute gone",
        "explain (costs off) execute put(1, 'one', 1)",
        "create table made as execute put(2, 'two', 2)",
        "deallocate all",
        "delete from copied",
        "drop table if exists made",
      ],
      "prepare: errors": [
        "prepare broken as selec 1",
        "prepare broken as select $1 + nothing",
        "execute never_prepared",
        "deallocate never_prepared",
        "deallocate all",
      ],
      "temporary: tables, views and sequences": [
        "create temporary table mine (id serial, name text)",
        "insert into mine (name) values ('a'), ('b') returning *",
        "create temp view mine_too as select count(*) from mine",
        "select * from mine_too",
        "select 1",
        "select * from mine",
        "discard temp",
        "select * from mine",
      ],
      "temporary: hides a table of the same name": [
        "create temp table numbers (x text)",
        "insert into numbers values ('mine')",
        "select * from numbers",
        "select count(*) from public.numbers",
        "drop table numbers",
        "select count(*) from numbers",
        "discard temp",
      ],
      "temporary: by SELECT INTO, and in pg_temp": [
        "select 1 as x into temp mine",
        "select * from mine",
        "create table pg_temp.also (x int)",
        "select * from pg_temp.also",
        "discard all",
        "select * from mine",
      ],
      "locks: advisory, of the session": [
        "select pg_advisory_lock(7)",
        "select pg_try_advisory_lock(7), pg_try_advisory_lock_shared(8)",
        `select objid, mode, granted ${LOCKS} order by 1, 2`,
        "select pg_advisory_unlock(7), pg_advisory_unlock(7), pg_advisory_unlock(7)",
        "select pg_advisory_unlock_all()",
        `select count(*) ${LOCKS}`,
      ],
      "discard: ALL takes all of it": [
        "prepare one as select 1",
        "create temp table mine (x int)",
        "listen news",
        "select pg_advisory_lock(7)",
        "discard all",
        "execute one",
        "select * from mine",
        "select * from pg_listening_channels()",
        `select count(*) ${LOCKS}`,
      ],
      "sequence: nextval() in every unit": [
        "select nextval('counter')",
        "select nextval('counter')",
        "select setval('counter', 1, false)",
      ],
      "load: a library": ["load 'plpgsql'", "select 1"],
      "procedure: with transactions of its own": [
        "call commit_inside()",
        "select id, name from copied order by id",
        "delete from copied",
      ],
    },
    { sharing: "beside" },
  ),
  ...simpleQueries(
    {
      "discard: what cannot be part of a transaction": [
        "select 1; discard all",
        "begin; discard all",
        "rollback",
        "discard nonsense",
      ],
      "procedure: CALL inside of a transaction": ["begin; call commit_inside()", "rollback"],
      "temporary: ON COMMIT DROP": [
        "begin",
        "create temp table mine (x int) on commit drop",
        "insert into mine values (1)",
        "select * from mine",
        "commit",
        "select * from mine",
        "discard temp",
      ],
      "locks: advisory, of a transaction": [
        "begin",
        "select pg_advisory_xact_lock(7)",
        `select count(*) ${LOCKS}`,
        "commit",
        `select count(*) ${LOCKS}`,
      ],
      "sequence: currval() and lastval() inside of a transaction": [
        "begin",
        "select setval('counter', 5)",
        "select nextval('counter')",
        "select currval('counter'), lastval()",
        "rollback",
        "select setval('counter', 1, false)",
      ],
      "prepare: inside of a transaction that is rolled back": [
        "begin",
        "prepare one as select 1",
        "rollback",
        "execute one",
        "deallocate all",
      ],
    },
    { sharing: "beside", differs: [NO_TRANSACTIONS] },
  ),
  onStage(
    "locks: two sessions want the same",
    async (stage) => {
      const [one, two] = [await stage.session(), await stage.session()];
      await one.query("select pg_advisory_lock(7)");
      await two.query("select pg_try_advisory_lock(7)");
      await one.query("select pg_advisory_unlock(7)");
      await two.query("select pg_try_advisory_lock(7)", "select pg_advisory_unlock_all()");
      await one.query("select pg_advisory_unlock_all()");
    },
    { sharing: "beside" },
  ),
  onStage(
    "temporary: tables of the same name in two sessions",
    async (stage) => {
      const [one, two] = [await stage.session(), await stage.session()];
      await one.query("create temp table mine as select 'of one' as x");
      await two.query("create temp table mine as select 'of two' as x");
      await one.query("select * from mine", "discard temp");
      await two.query("select * from mine", "discard temp");
      await one.query("select * from mine");
    },
    { sharing: "beside" },
  ),
  oneClient(
    "prepare: SQL and the protocol share their names",
    async (client) => {
      await client.unit(parse("s1", "select 'by the protocol', $1::int"));
      await client.query("execute s1(7)", "prepare s1 as select 1");
      await client.query("prepare s2 as select 'by SQL', $1::int");
      await client.unit(describeStatement("s2"));
      await client.unit(bind("s2", ["7"]), execute());
      await client.unit(parse("s2", "select 1"));
      await client.unit(closeStatement("s2"));
      await client.query("execute s2(7)");
      await client.query("deallocate s1");
      await client.unit(bind("s1", ["7"]), execute());
      await client.query("deallocate s1");
    },
    { sharing: "beside" },
  ),
  oneClient("prepare: DEALLOCATE of the protocol's statements", async (client) => {
    await client.unit(parse("s1", "select 'one'"));
    await client.unit(parse("s2", "select 'two'"));
    await client.query("deallocate s1");
    await client.unit(bind("s1"), execute());
    await client.unit(bind("s2"), execute());
    await client.unit(parse("s1", "select 'one again'"), bind("s1"), execute());
    await client.query("deallocate all");
    await client.unit(bind("s1"), execute());
    await client.unit(bind("s2"), execute());
    await client.unit(parse("s2", "select 'two again'"));
    await client.unit(bind("s2"), execute());
  }),
  oneClient("prepare: DEALLOCATE by extended messages", async (client) => {
    await client.unit(parse("s1", "select 'one'"));
    await client.unit(...extended("deallocate s1"), parse("s1", "select 'new'"));
    await client.unit(bind("s1"), execute());
    await client.unit(...extended("deallocate all"));
    await client.unit(bind("s1"), execute());
    await client.unit(...extended("deallocate s1"));
  }),
  oneClient("prepare: EXECUTE of the protocol's statement", async (client) => {
    await client.unit(parse("s1", "select $1::int + 1 as x"));
    await client.query("execute s1(1)", "execute s1(2)", "explain (costs off) execute s1(3)");
    await client.unit(...extended("execute s1(4)"));
    await client.unit(bind("s1", ["5"]), execute());
  }),
  oneClient("prepare: EXECUTE of several in one Query", async (client) => {
    await client.unit(parse("one", "select $1::int + 1 as x"));
    await client.unit(parse("two", "select 'two' as y"));
    await client.query('execute one(1); execute two; /* again */ EXECUTE "one" (2)');
    await client.query("select 'first'; execute one(1/0); select 'not reached'");
    await client.query("create table made as execute two", "select * from made", "drop table made");
  }),
  oneClient(
    "prepare: EXECUTE with a value that is none",
    async (client) => {
      await client.unit(parse("one", "select $1::int + 1 as x"));
      await client.query("select 'first'; execute one('x'); select 'not reached'");
    },
    { differs: [PLACE_BEHIND_A_NAME] },
  ),
  oneClient("prepare: EXECUTE by statements with a name", async (client) => {
    await client.unit(parse("s1", "select $1::int + 1 as x"));
    await client.unit(parse("run", "execute s1(4)"));
    await client.unit(bind("run"), describePortal(), execute());
    await client.unit(bind("run"), execute());
    await client.query("deallocate s1");
    await client.unit(bind("run"), execute());
    await client.unit(parse("s1", "select 'new', $1::int as y"));
    await client.unit(bind("run"), describePortal(), execute());
    await client.unit(bind("run"), execute(), closeStatement("run"), closeStatement("s1"));
    await client.unit(bind("run"), execute());
  }),
  oneClient("prepare: EXECUTE by the unnamed statement, in later units", async (client) => {
    await client.unit(parse("s1", "select $1::int + 1 as x"));
    await client.unit(parse("", "execute s1(4)"));
    await client.unit(bind(""), describePortal(), execute());
    await client.unit(bind(""), execute());
    await client.unit(closeStatement("s1"));
    await client.unit(bind(""), execute());
  }),
  oneClient("prepare: EXECUTE of what cannot be prepared any more", async (client) => {
    await client.query("create table passing (x int)");
    await client.unit(parse("s1", "select x from passing"));
    await client.query("drop table passing", "execute s1", "select 'goes on'", "execute s1");
    await client.query("explain execute s1");
    await client.unit(...extended("execute s1"));
  }),
  oneClient(
    "prepare: EXECUTE inside of a transaction",
    async (client) => {
      await client.unit(parse("s1", "insert into copied values ($1::int, 'x', 1)"));
      await client.query("begin", "execute s1(1)", "execute s1(1)", "execute s1(2)", "rollback");
      await client.query("select count(*) from copied");
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient("prepare: DEALLOCATE that is not executed", async (client) => {
    await client.unit(parse("s1", "select 'one'"));
    await client.unit(parse("", "deallocate s1"), bind(""), describePortal());
    await client.unit(bind("s1"), execute());
    await client.unit(...extended("select 1/0"), ...extended("deallocate s1"));
    await client.unit(...extended("select 1/0"), ...extended("deallocate all"));
    await client.unit(bind("s1"), execute());
    await client.query("select 1/0; deallocate s1", "select 1/0; deallocate all");
    await client.unit(bind("s1"), execute());
    await client.unit(parse("all", "deallocate all"));
    await client.unit(bind("all"));
    await client.unit(bind("s1"), execute());
    await client.unit(bind("all"), execute());
    await client.unit(bind("s1"), execute());
  }),
  oneClient(
    "prepare: DEALLOCATE in a failed transaction",
    async (client) => {
      await client.unit(parse("s1", "select 'one'"));
      await client.query("begin", "select 1/0", "deallocate s1", "deallocate all", "rollback");
      await client.unit(bind("s1"), execute());
      await client.query("begin", "deallocate s1", "rollback");
      await client.unit(bind("s1"), execute());
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient("prepare: in one pipeline with DEALLOCATE", async (client) => {
    const units = Array.from({ length: 10 }, (_, at) => [
      ...[parse("s1", `select ${at}`), bind("s1"), execute(), sync()],
      query(at % 2 === 0 ? "deallocate s1" : "deallocate all"),
    ]);
    await client.send(...units.flat());
    await client.ready(20);
  }),
  oneClient("discard: ALL forgets the protocol's statements", async (client) => {
    await client.unit(parse("s1", "select 'one'"));
    await client.unit(parse("", "select 'unnamed'"));
    await client.query("discard all");
    await client.unit(bind("s1"), execute());
    await client.unit(bind(""), execute());
    await client.unit(parse("s1", "select 'new'"));
    await client.unit(bind("s1"), execute());
  }),
  oneClient("discard: PLANS forgets no statement", async (client) => {
    await client.unit(parse("s1", "select 'one'"));
    await client.query("discard plans", "discard sequences");
    await client.unit(bind("s1"), execute());
  }),
  onStage("prepare: DEALLOCATE ALL of one session leaves the other's", async (stage) => {
    const [one, two] = [await stage.session(), await stage.session()];
    for (const client of [one, two]) await client.unit(parse("s1", "select 'of both'"));
    await one.query("deallocate all");
    await two.unit(bind("s1"), execute());
    await one.unit(bind("s1"), execute());
    await one.query("discard all");
    await two.unit(bind("s1"), execute());
    await two.unit(bind("s1"), execute());
  }),
];
