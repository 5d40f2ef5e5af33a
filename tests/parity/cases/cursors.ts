import { NO_TRANSACTIONS } from "../differences.ts";
import { extended } from "../messages.ts";
import { oneClient, type ParityCase, simpleQueries } from "../parity-case.ts";

const DECLARE = "declare c1 scroll cursor for select id from numbers order by id";

/** Cursors of SQL. */
export const CURSOR_CASES: readonly ParityCase[] = [
  ...simpleQueries(
    {
      "cursor: FETCH in every direction": [
        "begin",
        DECLARE,
        "fetch c1",
        "fetch 3 from c1",
        "fetch prior from c1",
        "fetch last from c1",
        "fetch absolute 7 from c1",
        "fetch relative -2 from c1",
        "move 5 in c1",
        "fetch backward 2 from c1",
        "fetch forward all from c1",
        "fetch next from c1",
        "close c1",
        "fetch c1",
        "rollback",
      ],
      "cursor: ends with its transaction": [
        "begin",
        DECLARE,
        "fetch 2 from c1",
        "commit",
        "fetch 2 from c1",
        "begin",
        "fetch 2 from c1",
        "rollback",
      ],
      "cursor: rows changed through it": [
        "begin",
        "insert into copied values (1, 'one', 1), (2, 'two', 2)",
        "declare c1 cursor for select * from copied for update",
        "fetch c1",
        "update copied set name = 'changed' where current of c1",
        "fetch c1",
        "delete from copied where current of c1",
        "select * from copied",
        "rollback",
      ],
      "cursor: binary": [
        "begin",
        "declare c1 binary cursor for select 7, 'seven'",
        "fetch all from c1",
        "rollback",
      ],
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  ...simpleQueries({
    "cursor: within one query": [
      `begin; ${DECLARE}; fetch 3 from c1; move last in c1; fetch prior from c1; commit`,
      "fetch c1",
    ],
    "cursor: without a transaction": [DECLARE, "fetch c1", "close c1", "close all"],
  }),
  ...simpleQueries(
    {
      "cursor: WITH HOLD outlives its unit": [
        "declare c1 cursor with hold for select id from numbers order by id",
        "fetch 2 from c1",
        "select name, statement, is_holdable from pg_cursors where name = 'c1'",
        "fetch 2 from c1",
        "close c1",
        "fetch 2 from c1",
        "declare c1 cursor with hold for select 1",
        "close all",
        "select count(*) from pg_cursors where name = 'c1'",
      ],
      "cursor: WITH HOLD until DISCARD ALL": [
        "declare c1 cursor with hold for select id from numbers order by id",
        "fetch 2 from c1",
        "discard all",
        "fetch 2 from c1",
      ],
    },
    { sharing: "beside" },
  ),
  ...simpleQueries(
    {
      "cursor: WITH HOLD of a transaction": [
        "begin",
        "declare c1 cursor with hold for select id from numbers order by id",
        "fetch 2 from c1",
        "commit",
        "fetch 2 from c1",
        "begin",
        "declare c2 cursor with hold for select 1",
        "rollback",
        "fetch c2",
        "close all",
      ],
    },
    { sharing: "beside", differs: [NO_TRANSACTIONS] },
  ),
  oneClient(
    "cursor: by extended messages",
    async (client) => {
      await client.unit(
        ...extended("declare c1 cursor with hold for select id from numbers where id > $1", ["5"]),
      );
      await client.query("declare c1 cursor with hold for select id from numbers order by id");
      await client.unit(...extended("fetch 3 from c1"));
      await client.unit(...extended("fetch 3 from c1", [], { results: [1] }));
      await client.unit(...extended("close all"));
    },
    { sharing: "beside" },
  ),
];
