import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { AnswerLedger, ClientStream, ServerStream } from "../../src/postgres/index.ts";
import { frontend, opening } from "../fixtures/wire/index.ts";
import { type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";

const SENTINEL = "the end of the conversation";
/** PostgreSQL 18 says the latter after a Query COPY behind an extended statement without its Sync. */
const LAST_ANSWER = new RegExp(`${SENTINEL}|StartTransactionCommand: unexpected state STARTED`);

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query("create table numbers (x int primary key deferrable initially deferred)");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

/** A connection to the real server whose two directions a ledger follows. */
class Talk implements AsyncDisposable {
  readonly ledger = new AnswerLedger();
  readonly #socket: Socket;
  readonly #client = new ClientStream(this.ledger, 2 ** 20);
  readonly #server = new ServerStream(this.ledger, 2 ** 20);
  #received = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    // A server that dies may have bytes left to read: it resets the connection then.
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      this.#received += bytes.toString("latin1");
      this.#server.advance(bytes);
    });
  }

  static async begin(): Promise<Talk> {
    const socket = connect(postgres.port, postgres.host);
    await once(socket, "connect");
    const talk = new Talk(socket);
    socket.write(opening.startup({ user: postgres.user, database: postgres.database }));
    await waitFor("the login", () => talk.ledger.isLoggedIn);
    talk.takeReceived();
    return talk;
  }

  /** Sends messages in one write. */
  send(...messages: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(messages);
    this.#client.advance(bytes);
    this.#socket.write(bytes);
  }

  /** The tags of the messages that came since the last call. */
  takeReceived(): string {
    const bytes = Buffer.from(this.#received, "latin1");
    this.#received = "";
    let tags = "";
    for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
      tags += String.fromCharCode(bytes.readUInt8(at));
    }
    return tags;
  }

  async whenCopying(): Promise<void> {
    await waitFor("CopyInResponse", () => this.ledger.isCopying);
  }

  /** The server has died of something. */
  get isClosed(): boolean {
    return this.#socket.closed;
  }

  /** All that the server has been asked for has come, or it has died. */
  async whenNothingIsOwed(): Promise<void> {
    const isDone = (): boolean => !this.ledger.owesAnswer || this.isClosed;
    await waitFor("what the server owes", isDone, { deadlineMs: 5_000 });
  }

  async whenClosed(): Promise<void> {
    await waitFor("the end of the connection", () => this.#socket.closed);
  }

  /** All is answered, though an error may want a Sync first. */
  async whenAnswered(): Promise<void> {
    await waitFor("all answers", () => this.ledger.isAnswered, { deadlineMs: 5_000 });
  }

  /**
   * Waits until the ledger says that nothing is owed, then proves it: the very next messages of the server
   * must be those of one more query, and nothing else.
   */
  async expectNothingOwed(): Promise<void> {
    await waitFor("the ledger to be idle", () => this.ledger.isIdle, { deadlineMs: 5_000 });
    expect(this.ledger.owedReadyForQuery).toBe(0);
    this.takeReceived();
    this.send(frontend.query(`select '${SENTINEL}'`));
    await waitFor("its answer", () => LAST_ANSWER.test(this.#received) && this.ledger.isIdle);
    expect(this.takeReceived()).toMatch(/^(?:TDCZ|EZ)$/);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    this.#socket.end(frontend.terminate());
    await once(this.#socket, "close");
  }
}

const { query, parse, bind, execute, describePortal, sync, flush } = frontend;
const { copyData, copyDone, copyFail } = frontend;
const extended = (sql: string): Buffer =>
  Buffer.concat([parse(sql), bind(), describePortal(), execute()]);
const COPY = "copy pg_temp.sink from stdin";
const WRONG = "selekt";

/** Each in a session of its own that has a temporary table `sink`. */
const CONVERSATIONS: Readonly<Record<string, (talk: Talk) => Promise<void> | void>> = {
  "P(error) Q S": (talk) => talk.send(parse(WRONG), query("select 1"), sync()),
  "P(ok) Q S": (talk) => talk.send(parse("select 1"), query("select 2"), sync()),
  "an error before the Sync is sent": async (talk) => {
    talk.send(parse(WRONG), flush());
    await waitFor("the error", () => talk.takeReceived().includes("E"));
    expect(talk.ledger.isIdle).toBe(false);
    talk.send(query("select 1"), parse("select 2"), flush(), sync());
  },
  "an error of the Sync": (talk) =>
    talk.send(extended("insert into numbers values (1), (1)"), sync(), query("select 1")),
  "a pipeline of ten batches, the third and the seventh of which fail": (talk) => {
    const batches = Array.from({ length: 10 }, (_, index) =>
      Buffer.concat([extended(index === 2 || index === 6 ? "select 1/0" : "select 1"), sync()]),
    );
    talk.send(...batches);
  },
  "an empty query, simple and extended": (talk) => talk.send(query(""), extended(""), sync()),
  "a portal read in parts": async (talk) => {
    talk.send(parse("select generate_series(1, 5)"), bind(), execute(2), flush());
    await talk.whenAnswered();
    talk.send(execute(2), flush());
    await talk.whenAnswered();
    talk.send(execute(2), sync());
  },
  "a function call": (talk) => talk.send(frontend.functionCall(1242), query("select 1")),
  "notices in between": (talk) =>
    talk.send(
      query("do $$ begin raise notice 'a'; end $$"),
      extended("do $$ begin raise notice 'b'; end $$"),
      sync(),
    ),
  "COPY FROM": async (talk) => {
    talk.send(query(COPY));
    await talk.whenCopying();
    talk.send(copyData("1\n"), copyData("2\n"), copyDone());
  },
  "libpq's extended COPY FROM with two Syncs": async (talk) => {
    talk.send(extended(COPY), sync());
    await talk.whenCopying();
    expect(talk.ledger.owedReadyForQuery).toBe(0);
    talk.send(copyData("1\n"), copyDone(), sync());
  },
  "Sync and Flush in the middle of COPY data": async (talk) => {
    talk.send(query(COPY));
    await talk.whenCopying();
    talk.send(copyData("1\n"), sync(), flush(), sync(), copyData("2\n"), copyDone());
  },
  "a COPY given up": async (talk) => {
    talk.send(query(COPY));
    await talk.whenCopying();
    talk.send(copyFail());
  },
  "a failed COPY whose client goes on": async (talk) => {
    talk.send(query(COPY));
    await talk.whenCopying();
    talk.send(copyData("x\n"), copyData("y\n"));
    await talk.whenAnswered();
    talk.send(copyData("z\n"), copyDone());
  },
  "a failed COPY with everything under way": async (talk) => {
    talk.send(query(COPY));
    await talk.whenCopying();
    talk.send(copyData("x\n"), copyDone(), query("select 1"));
  },
  "a failed extended COPY": async (talk) => {
    talk.send(extended(COPY), sync());
    await talk.whenCopying();
    talk.send(copyData("x\n"), copyDone(), sync());
  },
  "a CopyDone ahead of CopyInResponse": (talk) =>
    talk.send(query(COPY), copyData("1\n"), copyDone(), query("select 1")),
  "an extended COPY in one write": (talk) =>
    talk.send(extended(COPY), sync(), copyData("1\n"), copyDone(), sync()),
  "a COPY in one write that fails at once": (talk) =>
    talk.send(query("copy nowhere from stdin"), copyData("1\n"), copyDone(), query("select 1")),
  "two COPYs in one query, in one write": (talk) =>
    talk.send(
      query(`${COPY}; ${COPY}`),
      copyData("1\n"),
      copyDone(),
      copyData("2\n"),
      copyDone(),
      query("select 1"),
    ),
  "COPY TO": (talk) => talk.send(query("copy (select 1) to stdout"), query("select 1")),
};

describe("the ledger, beside a real server", () => {
  test.each(Object.entries(CONVERSATIONS))("knows when %s is answered", async (_, converse) => {
    await using talk = await Talk.begin();
    talk.send(query("create temporary table sink (x int)"));
    await talk.expectNothingOwed();
    await converse(talk);
    await talk.expectNothingOwed();
  });

  test("need not follow a query where COPY data should come: the server dies of it", async () => {
    await using talk = await Talk.begin();
    talk.send(query("create temporary table sink (x int)"));
    await talk.expectNothingOwed();
    talk.send(extended(COPY), query("select 1"), sync());
    await talk.whenClosed();
    expect(talk.takeReceived()).toBe("12nGEE");
  });

  const pieces = {
    "a query": query("select 1"),
    "a wrong query": query(WRONG),
    "an empty query": query(""),
    "a function": frontend.functionCall(1242),
    "a batch": Buffer.concat([extended("select 1"), sync()]),
    "a wrong batch": Buffer.concat([extended("select 1/0"), sync()]),
    "an open batch": extended("select 1"),
    "a wrong open batch": parse(WRONG),
    "a Sync": sync(),
    "a Flush": flush(),
    "a COPY": Buffer.concat([query(COPY), copyData("1\n"), copyDone()]),
    "a wrong COPY": Buffer.concat([query(COPY), copyData("x\n"), copyDone()]),
    "an extended COPY": Buffer.concat([
      extended(COPY),
      sync(),
      copyData("1\n"),
      copyDone(),
      sync(),
    ]),
    "the data of no COPY": Buffer.concat([copyData("1\n"), copyDone()]),
  };

  test("knows when any pipeline is answered", async () => {
    await using talk = await Talk.begin();
    talk.send(query("create temporary table sink (x int)"));
    const names = fc.constantFrom(...(Object.keys(pieces) as (keyof typeof pieces)[]));
    await fc.assert(
      fc.asyncProperty(fc.array(names, { maxLength: 20 }), async (pipeline) => {
        // The Sync ends what was left open; behind it everything counts.
        talk.send(...pipeline.map((name) => pieces[name]), sync());
        await talk.expectNothingOwed();
      }),
      { numRuns: 150, endOnFailure: true },
    );
  });

  const TABLE = "copy numbered from stdin";
  const messages: Readonly<Record<string, Uint8Array>> = {
    Parse: parse("select 1"),
    "wrong Parse": parse(WRONG),
    "Parse that fails later": parse("select 1/0"),
    "Parse of COPY FROM": parse(TABLE),
    "Parse of COPY TO": parse("copy numbered to stdout"),
    Bind: bind(),
    "Describe of a statement": frontend.describeStatement(),
    "Describe of a portal": describePortal(),
    Execute: execute(),
    "Execute of one row": execute(1),
    Close: frontend.closeStatement("unknown"),
    Flush: flush(),
    Sync: sync(),
    Query: query("select 1"),
    "wrong Query": query(WRONG),
    "Query of two": query("select 1; select 2"),
    "empty Query": query(""),
    begin: query("begin"),
    rollback: query("rollback"),
    "COPY FROM": query(TABLE),
    "two COPY FROM": query(`${TABLE}; ${TABLE}; select 1`),
    FunctionCall: frontend.functionCall(1242),
    batch: Buffer.concat([extended("select 1"), sync()]),
    "extended COPY with Sync": Buffer.concat([extended(TABLE), sync()]),
    "extended COPY with Flush": Buffer.concat([extended(TABLE), flush()]),
    "whole extended COPY": Buffer.concat([extended(TABLE), flush(), copyData("1\n"), copyDone()]),
    CopyData: copyData("1\n"),
    CopyDone: copyDone(),
    CopyFail: copyFail(),
    // Its error may come before or behind a Sync sent after it, which only the server knows: the end
    // of the data is sent along, as clients do.
    "wrong CopyData": Buffer.concat([copyData("x\n"), copyDone()]),
  };
  const whileCopying = [
    "CopyData",
    "CopyData",
    "wrong CopyData",
    "CopyDone",
    "CopyFail",
    "Sync",
    "Flush",
  ];
  /** A message by its name while COPY data is read and while it is not, and whether to wait then. */
  const anyStep = fc.record({
    name: fc.constantFrom(...Object.keys(messages)),
    inCopy: fc.constantFrom(
      ...Object.keys(messages),
      ...whileCopying,
      ...whileCopying,
      ...whileCopying,
    ),
    waits: fc.boolean(),
  });

  test("knows at any moment whether the server will say more", async () => {
    await postgres.query("create table numbered (x int)");
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
        await using talk = await Talk.begin();
        for (const { name, inCopy, waits } of steps) {
          talk.send(messages[talk.ledger.isCopying ? inCopy : name] ?? sync());
          if (waits) await talk.whenNothingIsOwed();
        }
        await talk.whenNothingIsOwed();
        // What is not COPY data kills a server that waits for some; then there is nothing to know.
        if (talk.ledger.isCopying) talk.send(copyFail());
        talk.send(sync(), messages["rollback"] ?? sync());
        await talk.whenNothingIsOwed();
        if (!talk.isClosed) await talk.expectNothingOwed();
      }),
      { numRuns: 150, endOnFailure: true },
    );
  }, 60_000);
});
