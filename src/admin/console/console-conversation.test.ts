import { describe, expect, test } from "bun:test";
import { MemoryLogger } from "../../../tests/fixtures/memory-logger.ts";
import { frontend } from "../../../tests/fixtures/wire/index.ts";
import { describeResponse } from "../../../tests/parity/describe-message.ts";
import { GatewayError } from "../../errors.ts";
import { FrontendWriter, forEachMessage } from "../../postgres/index.ts";
import type { BindFields } from "../../postgres/index.ts";
import type { Asking } from "./asker.ts";
import { TYPES } from "./column-types.ts";
import { ConsoleConversation } from "./console-conversation.ts";
import { ConsoleSession } from "./console-session.ts";
import { table } from "./console-table.ts";

type Row = readonly [name: string, n: number | null];

const NUMBERS = table(
  "numbers",
  "Three of them.",
  [
    ["name", TYPES.text, ([name]: Row) => name],
    ["n", TYPES.int4, ([, n]: Row) => n],
  ],
  async (): Promise<readonly Row[]> => [
    ["one", 1],
    ["two", 2],
    ["none", null],
  ],
);
const BROKEN = table("broken", "Never.", [["x", TYPES.text, () => null]], () => {
  throw new RangeError("a bug");
});

/** One client: what it says, and what it hears. */
class Kit {
  readonly asked: string[] = [];
  readonly logger = new MemoryLogger();
  readonly conversation: ConsoleConversation;
  #heard: Uint8Array[] = [];

  constructor(answer: (command: string) => unknown = () => ({})) {
    // Only what the commands of a test ask for is answered.
    const asker = {
      caller: { name: "ann", role: "admin", door: "console", address: "" },
      ask: async (name: string, request: unknown) => {
        this.asked.push(`${name} ${JSON.stringify(request)}`);
        return answer(name);
      },
    } as Asking;
    const tables = new Map([NUMBERS, BROKEN].map((one) => [one.name, one]));
    const session = new ConsoleSession({ asker, tables, version: "1.2.3", applicationName: "kit" });
    const send = (messages: Uint8Array): void => void this.#heard.push(messages);
    this.conversation = new ConsoleConversation(session, send, this.logger);
  }

  async say(...messages: readonly Uint8Array[]): Promise<readonly string[]> {
    for (const message of messages) await this.conversation.receive(message);
    const heard = Buffer.concat(this.#heard);
    this.#heard = [];
    return described(heard);
  }

  async query(text: string): Promise<readonly string[]> {
    return await this.say(frontend.query(text));
  }
}

function described(messages: Uint8Array): readonly string[] {
  const lines: string[] = [];
  const bytes = Buffer.from(messages);
  forEachMessage(bytes, (_, from, to) => lines.push(describeResponse(bytes.subarray(from, to))));
  return lines;
}

const { parse, execute, sync } = frontend;
const bind = (fields: Partial<BindFields> = {}): Uint8Array =>
  new FrontendWriter()
    .bind({
      ...{ portal: "", statement: "", parameterFormats: [], values: [], resultFormats: [] },
      ...fields,
    })
    .take();

test("a table comes as rows", async () => {
  expect(await new Kit().query("show numbers; -- and no more")).toMatchSnapshot();
});

test("a text without statements has an answer of its own", async () => {
  expect(await new Kit().query(";")).toEqual(["EmptyQueryResponse", "ReadyForQuery I"]);
});

test("after an error the rest of a text is left", async () => {
  const kit = new Kit((command) => {
    if (command === "killSession") throw new GatewayError("ERR_ADMIN_NOT_FOUND", "no session");
    return {};
  });
  expect(await kit.query("cancel 1; kill 2; cancel 3")).toMatchSnapshot();
  expect(kit.asked).toEqual(['cancelQuery {"id":"1"}', 'killSession {"id":"2"}']);
});

test("what is no command is told so with a hint, and nothing is done", async () => {
  const kit = new Kit();
  expect(await kit.query("cancel 1; select 1")).toMatchSnapshot();
  expect(kit.asked).toEqual([]);
});

test("what is wrong inside is in the log alone", async () => {
  const kit = new Kit();
  const [, error] = await kit.query("show broken");
  expect(error ?? "").not.toContain("a bug");
  expect(kit.logger.count("A statement of the console failed")).toBe(1);
});

describe("the extended protocol", () => {
  test("describes, runs and closes what was prepared, in the formats that are asked for", async () => {
    const kit = new Kit();
    const heard = await kit.say(
      parse("show numbers", "s"),
      frontend.describeStatement("s"),
      bind({ statement: "s", portal: "p", resultFormats: [0, 1] }),
      frontend.describePortal("p"),
      execute(0, "p"),
      frontend.closeStatement("s"),
      sync(),
    );
    expect(heard).toMatchSnapshot();
  });

  test("gives so many rows at a time as are wanted", async () => {
    const kit = new Kit();
    const fetching = [execute(2), execute(2), execute()];
    const heard = await kit.say(parse("show numbers"), bind(), ...fetching, sync());
    expect(heard.filter((message) => !message.startsWith("DataRow"))).toEqual([
      "ParseComplete",
      "BindComplete",
      "PortalSuspended",
      "CommandComplete SHOW",
      expect.stringContaining("34000"),
      "ReadyForQuery I",
    ]);
  });

  test("after an error passes over all up to Sync", async () => {
    const kit = new Kit();
    const heard = await kit.say(
      ...[parse("select $1"), bind(), execute(), sync()],
      ...[parse(""), bind(), execute(), sync()],
    );
    expect(heard).toEqual([
      expect.stringContaining("42601"),
      "ReadyForQuery I",
      "ParseComplete",
      "BindComplete",
      "EmptyQueryResponse",
      "ReadyForQuery I",
    ]);
  });

  test.each([
    ["a statement that is not there", "26000", [bind({ statement: "x" })]],
    ["a portal that is not there", "34000", [execute(0, "x")]],
    ["a name twice", "42P05", [parse("pause", "s"), parse("pause", "s")]],
    ["several statements", "42601", [parse("pause; resume")]],
    ["values", "08P01", [parse("pause"), bind({ values: ["1"] })]],
    ["a format that there is not", "08P01", [parse("show numbers"), bind({ resultFormats: [2] })]],
    ["too many formats", "08P01", [parse("show numbers"), bind({ resultFormats: [0, 0, 0] })]],
    ["a table that is not there", "42601", [parse("show letters")]],
  ] as const)("refuses %s", async (_, sqlState, messages) => {
    const kit = new Kit();
    const heard = await kit.say(...messages, sync());
    expect(heard.filter((message) => message.includes(sqlState))).toHaveLength(1);
    expect(heard.at(-1)).toBe("ReadyForQuery I");
    expect(kit.asked).toEqual([]);
  });
});

describe("what drivers send", () => {
  test("to begin and end transactions changes what ReadyForQuery says", async () => {
    const kit = new Kit();
    expect(await kit.query("begin")).toEqual(["CommandComplete BEGIN", "ReadyForQuery T"]);
    expect(await kit.query("show letters")).toContain("ReadyForQuery T");
    expect(await kit.query("rollback")).toEqual([
      expect.stringContaining("nothing is taken back"),
      "CommandComplete ROLLBACK",
      "ReadyForQuery I",
    ]);
  });

  test("to set what their connection is like is remembered", async () => {
    const kit = new Kit();
    expect(await kit.query("set application_name = 'pool'")).toEqual([
      "CommandComplete SET",
      'ParameterStatus application_name = "pool"',
      "ReadyForQuery I",
    ]);
    expect(await kit.query("set client_encoding to 'LATIN1'")).toEqual([
      expect.stringContaining("client_encoding is always UTF8 here"),
      "ReadyForQuery I",
    ]);
    expect(await kit.query("show application_name")).toContain("DataRow pool");
    expect(await kit.query("discard all; show extra_float_digits; show server_version")).toEqual(
      expect.arrayContaining(["DataRow 1", "DataRow 1.2.3/gatewayd"]),
    );
    expect(kit.conversation.applicationName).toBe("");
  });

  test("at login is told of what there is", () => {
    const { greeting } = new Kit().conversation;
    expect(described(greeting)).toMatchSnapshot();
  });
});

describe("commands", () => {
  const pools = [
    { group: "a", block: "shop", mode: "transaction" },
    { group: "a", block: "logs", mode: "passthrough" },
    { group: "b", block: "logs", mode: "session" },
  ];
  const backends = [{ group: "b", block: "logs", isCondemned: false, state: 2 }];
  const answer = (command: string): unknown => {
    if (command === "listPools") return { pools };
    return command === "listBackends" ? { backends } : {};
  };

  test("go to the block that is meant", async () => {
    const kit = new Kit(answer);
    expect(await kit.query("pause shop; resume shop; reconnect a.logs")).toEqual([
      "CommandComplete PAUSE",
      "CommandComplete RESUME",
      "CommandComplete RECONNECT",
      "ReadyForQuery I",
    ]);
    expect(kit.asked.filter((asked) => !asked.startsWith("list"))).toEqual([
      'pausePool {"group":"a","block":"shop"}',
      'reconnectPool {"group":"a","block":"shop"}',
      'resumePool {"group":"a","block":"shop"}',
      'reconnectPool {"group":"a","block":"logs"}',
    ]);
  });

  test.each([
    ["pause nowhere", 'database "nowhere" is not there: a.shop, a.logs, b.logs'],
    ["pause logs", 'database "logs" is there more than once: a.logs, b.logs'],
    ["pause a.logs", "PAUSE is not possible: a.logs is in mode passthrough"],
    ["kill a.logs", "KILL is not possible: a.logs is in mode passthrough"],
    ["set pool_size = 3", '"pool_size" cannot be set here'],
  ])("%p is refused", async (text, reason) => {
    const kit = new Kit(answer);
    expect(await kit.query(text)).toEqual([expect.stringContaining(reason), "ReadyForQuery I"]);
    expect(kit.asked.filter((asked) => !asked.startsWith("list"))).toEqual([]);
  });

  test("that wait are given up when nobody waits any more", async () => {
    const kit = new Kit(answer);
    const told = kit.query("pause b.logs");
    kit.conversation.cancel();
    expect(await told).toEqual([expect.stringContaining("57014"), "ReadyForQuery I"]);
    expect(kit.asked).toContain('pausePool {"group":"b","block":"logs"}');
  });

  test("reload tells what is different, and what needs a restart", async () => {
    const answered = { changed: ["pools.a.shop.size"], needsRestart: ["servers.a.address"] };
    const kit = new Kit(() => ({ ...answered, warnings: ["gatewayd.yaml:3:1: x"] }));
    expect(await kit.query("reload")).toEqual([
      expect.stringContaining("gatewayd.yaml:3:1: x"),
      expect.stringContaining("needs a restart: servers.a.address"),
      expect.stringContaining("changed: pools.a.shop.size"),
      "CommandComplete RELOAD",
      "ReadyForQuery I",
    ]);
  });

  test("set levels of the log", async () => {
    const kit = new Kit();
    await kit.query("set log_level = DEBUG; set log_level.shop to 'info'");
    expect(kit.asked).toEqual([
      'setLogLevel {"level":"debug","group":""}',
      'setLogLevel {"level":"info","group":"shop"}',
    ]);
  });
});
