import { NO_TRANSACTIONS } from "../differences.ts";
import {
  bind,
  copyData,
  copyDone,
  copyFail,
  describePortal,
  execute,
  extended,
  flush,
  parse,
  query,
  sync,
} from "../messages.ts";
import { oneClient, type ParityCase, simpleQueries } from "../parity-case.ts";

const IN = "copy copied from stdin";
const BINARY_HEAD = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");

/** A row of `copied` in the binary format: id, name, and null. */
function binaryRow(id: number, name: string): Buffer {
  const row = Buffer.alloc(2 + 8 + 4 + name.length + 4);
  row.writeInt16BE(3, 0);
  row.writeInt32BE(4, 2);
  row.writeInt32BE(id, 6);
  row.writeInt32BE(name.length, 10);
  row.write(name, 14, "latin1");
  row.writeInt32BE(-1, 14 + name.length);
  return row;
}

const BINARY_END = Buffer.from([0xff, 0xff]);

/** COPY in both directions. */
export const COPY_CASES: readonly ParityCase[] = [
  ...simpleQueries({
    "copy out: text, CSV and binary": [
      "copy (select id, name, half from numbers where id < 4 order by id) to stdout",
      "copy (select id, name, half from numbers where id < 4) to stdout with (format csv, header)",
      "copy (select id, name, half from numbers where id < 4) to stdout with (format binary)",
      "copy numbers (id) to stdout",
    ],
    "copy out: no row, and rows without columns": [
      "copy (select 1 where false) to stdout",
      "copy (select from numbers where id < 3) to stdout",
    ],
    "copy out: an error in the middle": [
      "copy (select 100 / (50 - x) from generate_series(1, 100) x) to stdout",
      "select 'goes on'",
    ],
    "copy out: among other statements": [
      "select 1; copy (values (2), (3)) to stdout; select 4",
      "copy (values (1)) to stdout; copy (values (2)) to stdout",
      "copy (values (1)) to stdout; select 1/0; select 2",
    ],
    "copy out: 50,000 rows": [
      "copy (select x, md5(x::text) from generate_series(1, 50000) x) to stdout",
    ],
    "copy out: a large value": ["copy (select repeat('x', 2000000)) to stdout"],
    "copy: of what is not there": ["copy nowhere to stdout", "copy nowhere from stdin"],
  }),
  oneClient("copy in: text in one message and in many", async (client) => {
    await client.copyIn(IN, copyData("1\tone\t1.5\n2\ttwo\t\\N\n"));
    await client.copyIn(
      IN,
      ...Buffer.from("3\tthree\t3\n4\tfour\t4\n").toString().split("").map(copyData),
    );
    await client.copyIn(IN, copyData("5\tfive\t5"), copyData("\n\\.\n"));
    await client.copyIn(IN);
    await client.query("delete from copied returning *");
  }),
  oneClient("copy in: CSV and binary", async (client) => {
    await client.copyIn(
      `${IN} with (format csv, header)`,
      copyData('id,name,score\n1,"a ""quoted"" name",2\n2,,\n'),
    );
    await client.copyIn(
      `${IN} with (format binary)`,
      copyData(BINARY_HEAD),
      copyData(binaryRow(3, "three")),
      copyData(Buffer.concat([binaryRow(4, "four"), BINARY_END])),
    );
    await client.query("delete from copied returning *");
  }),
  oneClient("copy in: CopyFail", async (client) => {
    await client.send(query(IN));
    await client.until("G");
    await client.send(copyData("1\tone\t1\n"), copyFail("changed my mind"));
    await client.ready();
    await client.query("select count(*) from copied");
  }),
  oneClient("copy in: a row that is refused", async (client) => {
    await client.copyIn(IN, copyData("1\tone\t1\nx\ttwo\t2\n3\tthree\t3\n"));
    await client.copyIn(IN, copyData("1\tone\n"));
    await client.copyIn(IN, copyData("1\tone\t-1\n"));
    await client.copyIn(IN, copyData("1\tone\t1\n1\tagain\t1\n"));
    await client.query("select count(*) from copied");
  }),
  oneClient("copy in: goes on sending after the error", async (client) => {
    await client.send(query(IN));
    await client.until("G");
    await client.send(copyData("x\tnot a number\t1\n"), copyData("1\tone\t1\n"));
    await client.ready();
    await client.send(copyData("2\ttwo\t2\n"), copyDone(), query("select count(*) from copied"));
    await client.ready();
    await client.query("select 'behind'");
  }),
  oneClient("copy in: an error in the query itself, data sent ahead", async (client) => {
    await client.send(query("copy nowhere from stdin"), copyData("1\n"), copyDone());
    await client.ready();
    await client.query("select 'behind'");
  }),
  oneClient("copy in: everything in one write", async (client) => {
    await client.send(query(IN), copyData("1\tone\t1\n"), copyDone(), query("delete from copied"));
    await client.ready(2);
  }),
  oneClient("copy in: Flush and Sync within the data count for nothing", async (client) => {
    await client.send(query(IN));
    await client.until("G");
    await client.send(copyData("1\tone\t1\n"), flush(), sync(), copyData("2\ttwo\t2\n"), flush());
    await client.send(copyDone());
    await client.ready();
    await client.query("delete from copied returning id");
  }),
  oneClient("copy in: another message within the data", async (client) => {
    await client.send(query(IN));
    await client.until("G");
    await client.send(copyData("1\tone\t1\n"), query("select 'in the middle'"));
    await client.closed();
  }),
  oneClient("copy in: among other statements", async (client) => {
    await client.send(query(`select 1; ${IN}; select count(*) from copied; delete from copied`));
    await client.until("G");
    await client.send(copyData("1\tone\t1\n"), copyDone());
    await client.ready();
    await client.send(query(`${IN}; ${IN}`));
    await client.until("G");
    await client.send(copyData("1\tone\t1\n"), copyDone());
    await client.until("G");
    await client.send(copyData("2\ttwo\t2\n"), copyFail("enough"));
    await client.ready();
    await client.query("select count(*) from copied");
  }),
  oneClient("copy in: by extended messages", async (client) => {
    await client.send(...extended(IN), sync());
    await client.until("G");
    await client.send(copyData("1\tone\t1\n"), copyDone(), sync());
    await client.ready();
    await client.query("delete from copied returning *");
  }),
  oneClient("copy in: by extended messages, with Flush", async (client) => {
    await client.send(parse("", IN), bind(""), describePortal(), execute(), flush());
    await client.until("G");
    await client.send(copyData("1\tone\t1\n"), copyDone(), flush());
    await client.until("C");
    await client.send(sync());
    await client.ready();
    await client.query("delete from copied returning *");
  }),
  oneClient("copy in: by extended messages, that fails", async (client) => {
    await client.send(...extended(IN), flush());
    await client.until("G");
    await client.send(copyData("x\tone\t1\n"), copyDone(), sync());
    await client.ready();
    await client.send(...extended(IN), flush());
    await client.until("G");
    await client.send(copyFail("changed my mind"), sync());
    await client.ready();
    await client.query("select count(*) from copied");
  }),
  oneClient("copy in: by extended messages, the next unit in the same write", async (client) => {
    await client.send(...extended(IN), flush());
    await client.until("G");
    await client.send(
      copyData("1\tone\t1\n"),
      copyDone(),
      sync(),
      ...extended("delete from copied returning id"),
      sync(),
      query("select 'behind'"),
    );
    await client.ready(3);
  }),
  oneClient("copy out: by extended messages", async (client) => {
    const text = "copy (select id, name from numbers where id < 4 order by id) to stdout";
    await client.unit(...extended(text));
    await client.unit(...extended(`${text} with (format binary)`), ...extended("select 'behind'"));
    await client.unit(parse("", text), bind(""), execute("", 1));
  }),
  oneClient("copy in: a megabyte, in messages of any size", async (client) => {
    const lines = Array.from({ length: 20_000 }, (_, at) => `${at}\t${"n".repeat(at % 80)}\t1\n`);
    const data = Buffer.from(lines.join(""));
    const messages: Uint8Array[] = [];
    for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7) % 9973) {
      messages.push(copyData(data.subarray(at, at + size)));
    }
    await client.copyIn(IN, ...messages);
    await client.query("select count(*), sum(length(name)) from copied", "truncate copied");
  }),
  oneClient("copy in: one message of several megabytes", async (client) => {
    await client.copyIn(IN, copyData(`1\t${"n".repeat(3_000_000)}\t1\n`));
    await client.query("select sum(length(name)) from copied", "truncate copied");
  }),
  oneClient("copy in: messages that come in pieces", async (client) => {
    await client.sendInPieces(3, query(IN));
    await client.until("G");
    await client.sendInPieces(3, copyData("1\tone\t1\n"), copyData("2\ttwo\t2\n"), copyDone());
    await client.ready();
    await client.query("delete from copied returning *");
  }),
  oneClient(
    "copy in: within a transaction",
    async (client) => {
      await client.query("begin");
      await client.copyIn(IN, copyData("1\tone\t1\n"));
      await client.query("select count(*) from copied", "savepoint s");
      await client.copyIn(IN, copyData("1\tagain\t1\n"));
      await client.query("rollback to s");
      await client.copyIn(IN, copyData("2\ttwo\t1\n"));
      await client.query("select count(*) from copied", "rollback", "select count(*) from copied");
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient("copy: refused with options that make no sense", async (client) => {
    await client.query(
      "copy copied to stdout with (format xml)",
      "copy copied (nothing) to stdout",
    );
    await client.query("copy copied from '/nowhere/at/all'");
  }),
];
