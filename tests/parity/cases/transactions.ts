import { NO_TRANSACTIONS } from "../differences.ts";
import { type ParityCase, simpleQueries } from "../parity-case.ts";

/** Transactions of several units. */
export const TRANSACTION_CASES: readonly ParityCase[] = simpleQueries(
  {
    "transaction: commit": [
      "begin",
      "insert into copied values (1, 'one', 1)",
      "commit",
      "delete from copied returning *",
    ],
    "transaction: rollback": [
      "begin",
      "insert into copied values (1, 'one', 1)",
      "select count(*) from copied",
      "rollback",
      "select count(*) from copied",
    ],
    "transaction: a failed one refuses everything but its end": [
      "begin",
      "select 1/0",
      "select 1",
      "",
      "show datestyle",
      "rollback",
      "select 1",
    ],
    "transaction: COMMIT of a failed one": ["begin", "select 1/0", "commit", "select 'goes on'"],
    "transaction: savepoints": [
      "begin",
      "savepoint one",
      "select 1/0",
      "rollback to one",
      "select 'still here'",
      "savepoint two",
      "release savepoint two",
      "rollback to two",
      "rollback",
    ],
    "transaction: isolation levels": [
      "begin isolation level serializable read only deferrable",
      "show transaction_isolation",
      "insert into copied values (1, 'one', 1)",
      "rollback",
      "start transaction isolation level repeatable read",
      "show transaction_isolation",
      "set transaction read only",
      "show transaction_read_only",
      "end",
      "show transaction_read_only",
    ],
    "transaction: chained": [
      "begin isolation level repeatable read",
      "commit and chain",
      "show transaction_isolation",
      "rollback and chain",
      "abort",
    ],
    "transaction: deferred constraints": [
      "create table parent (id int primary key)",
      "create table child (id int references parent deferrable initially deferred)",
      "begin",
      "insert into child values (1)",
      "commit",
      "begin",
      "set constraints all immediate",
      "insert into child values (1)",
      "rollback",
      "drop table child, parent",
    ],
  },
  { differs: [NO_TRANSACTIONS] },
);
