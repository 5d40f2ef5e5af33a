import { describe, expect, test } from "bun:test";
import { settle } from "../../../tests/fixtures/fake-server.ts";
import { SessionKit, told } from "../../../tests/fixtures/session.ts";
import type { SessionKitOptions } from "../../../tests/fixtures/session.ts";
import { frontend, message, opening } from "../../../tests/fixtures/wire/index.ts";
import { ScramSecrets, UserTable, parseSecret } from "../../auth/index.ts";
import type { AuthenticatorOptions } from "../../auth/index.ts";
import { GatewayError } from "../../errors.ts";
import { TransactionStatus, readyForQuery } from "../../postgres/index.ts";
import type { VirtualConversation, VirtualDatabase } from "./virtual-database.ts";

const STARTUP = opening.startup({ user: "ann", database: "console" });
const READY = readyForQuery(TransactionStatus.Idle);

/** Answers every message with ReadyForQuery, when it is told to. */
class Conversation implements VirtualConversation {
  readonly greeting = new Uint8Array(0);
  readonly transactionStatus = TransactionStatus.Idle;
  readonly applicationName = "kit";
  readonly received: string[] = [];
  cancels = 0;
  #answer: ((error?: GatewayError) => void) | undefined;

  receive(bytes: Uint8Array): Promise<void> {
    this.received.push(String.fromCharCode(bytes[0] ?? 0));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#answer = (error) => (error === undefined ? resolve() : reject(error));
    return promise;
  }

  cancel(): void {
    this.cancels++;
  }

  async answer(error?: GatewayError): Promise<void> {
    this.#answer?.(error);
    await settle();
  }
}

interface Console {
  readonly kit: SessionKit;
  readonly conversation: Conversation;
  /** How results of logins were counted. */
  readonly results: boolean[];
}

function consoleOf(
  options: SessionKitOptions = {},
  login?: AuthenticatorOptions,
  isOpen = true,
): Console {
  const conversation = new Conversation();
  const results: boolean[] = [];
  const virtual: VirtualDatabase = {
    isOpen,
    isNamed: (database) => database === "console",
    admit: () => ({
      login,
      holdMs: (isAccepted) => (results.push(isAccepted), isAccepted ? 0 : 20),
      converse: async () => conversation,
    }),
  };
  return { kit: new SessionKit({ ...options, virtual }), conversation, results };
}

async function loggedIn(options?: SessionKitOptions): Promise<Console> {
  const opened = consoleOf(options);
  await opened.kit.start();
  await opened.kit.say(STARTUP);
  expect(told(opened.kit.heard.take())).toBe("R K Z");
  return opened;
}

describe("a client of a database that the gateway itself is", () => {
  test("is answered without a server", async () => {
    const { kit, conversation } = consoleOf();
    kit.session.start();
    await kit.say(STARTUP, frontend.query("show pools"));
    expect(told(kit.heard.take())).toBe("R K Z");
    expect(kit.waiting).toBe(0);
    expect(conversation.received).toEqual(["Q"]);
    expect(kit.session.activity).toBe("active");
    await conversation.answer();
    expect(kit.session.activity).toBe("idle");
    expect(kit.session.facts).toMatchObject({
      ...{ user: "ann", database: "console", applicationName: "kit", transactionStatus: "idle" },
      block: undefined,
    });
    await kit.expectClean();
  });

  test("lets go of the server connection that was taken for it", async () => {
    const { kit } = await loggedIn();
    expect(kit.session.facts.block).toBeUndefined();
    expect(kit.server.open.every(({ heard }) => heard.bytes.length === 0)).toBe(true);
    await kit.expectClean();
  });

  test("is served though there are too many clients", async () => {
    const { kit } = await loggedIn({ admission: "overLimit" });
    await kit.expectClean();
    expect(kit.released).toEqual(["overLimit"]);
  });

  test("is served though no server can be had", async () => {
    const { kit } = consoleOf({ pool: { queueTimeoutMs: 10 } });
    kit.session.start();
    await kit.pass(20);
    await kit.say(STARTUP);
    expect(told(kit.heard.take())).toBe("R K Z");
    await kit.expectClean();
  });

  test("is told when the gateway stops that it does", async () => {
    const { kit } = consoleOf();
    await kit.start();
    kit.session.drain("ERR_SHUTTING_DOWN");
    await kit.say(STARTUP);
    expect(told(kit.heard.take())).toBe("E FATAL 57P01");
    await kit.expectClean();
  });

  test("has its messages answered one by one", async () => {
    const { kit, conversation } = await loggedIn();
    await kit.say(Buffer.concat([frontend.parse("show pools"), frontend.sync()]));
    expect(conversation.received).toEqual(["P"]);
    await conversation.answer();
    expect(conversation.received).toEqual(["P", "S"]);
    await conversation.answer();
    await kit.expectClean();
  });

  test("is answered before it goes when it has ended its side", async () => {
    const { kit, conversation } = await loggedIn();
    await kit.say(frontend.query("show pools"));
    kit.client.shutdown();
    await settle();
    expect(kit.endings).toBe(0);
    kit.gatewayEnd.write(READY);
    await conversation.answer();
    expect(told(kit.heard.take())).toBe("Z");
    expect(kit.heard.hasClosed).toBe(true);
    await kit.expectClean();
  });

  test("leaves by Terminate", async () => {
    const { kit } = await loggedIn();
    await kit.say(frontend.terminate());
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("is ended by a drain when what it asked for is answered", async () => {
    const { kit, conversation } = await loggedIn();
    await kit.say(frontend.query("pause"));
    kit.session.drain("ERR_SHUTTING_DOWN");
    expect(conversation.cancels).toBe(1);
    await settle();
    expect(kit.heard.take()).toHaveLength(0);
    await conversation.answer();
    expect(told(kit.heard.take())).toBe("E FATAL 57P01");
    await kit.expectClean();
  });

  test("is ended by an administrator", async () => {
    const { kit } = await loggedIn();
    kit.session.kill();
    await settle();
    expect(told(kit.heard.take())).toBe("E FATAL 57P01");
    await kit.expectClean();
  });

  test("cancels by its key what it waits for", async () => {
    const { kit, conversation } = consoleOf();
    await kit.start();
    await kit.say(STARTUP, frontend.query("pause"));
    const greeting = kit.heard.take();
    const at = greeting.indexOf("K\0\0\0\x0c", 0, "latin1");
    await kit.cancelKeys.find(greeting.subarray(at + 5, at + 13))?.cancel();
    expect(conversation.cancels).toBe(1);
    await conversation.answer();
    await kit.expectClean();
    expect(kit.cancelKeys.find(greeting.subarray(at + 5, at + 13))).toBeUndefined();
  });

  test("that asks for nothing for long is ended as others are", async () => {
    const { kit, conversation } = await loggedIn({ limits: { idleTimeoutMs: 1_000 } });
    await kit.pass(600);
    await kit.say(frontend.query("pause"));
    await kit.pass(2_000);
    expect(kit.heard.take()).toHaveLength(0);
    await conversation.answer();
    await kit.pass(1_100);
    expect(told(kit.heard.take())).toBe("E FATAL 57P05");
    await kit.expectClean();
  });

  test.each([
    ["a message that there is not", message("?"), "E FATAL 08P01"],
    ["a message that is too long", message("Q", "x".repeat(300_000)), "E FATAL 54000"],
  ])("is refused %s", async (_, bytes, expected) => {
    const { kit } = await loggedIn();
    await kit.say(bytes);
    expect(told(kit.heard.take())).toBe(expected);
    await kit.expectClean();
  });

  test("is told why when it cannot be answered any more", async () => {
    const { kit, conversation } = await loggedIn();
    await kit.say(frontend.password("x"));
    await conversation.answer(new GatewayError("ERR_PROTOCOL_VIOLATION", "no place"));
    expect(told(kit.heard.take())).toBe("E FATAL 08P01");
    await kit.expectClean();
  });

  test("is told of the version and options that it gets", async () => {
    const { kit } = consoleOf();
    await kit.start();
    const parameters = { user: "ann", database: "console", "_pq_.new": "1" };
    await kit.say(opening.startup(parameters, 0x0003_0009));
    expect(told(kit.heard.take())).toBe("v R K Z");
    await kit.expectClean();
  });
});

describe("a client goes on to the server", () => {
  test.each([
    ["that asks for another database", opening.startup(), true],
    [
      "that wants to replicate",
      opening.startup({ user: "ann", database: "console", replication: "true" }),
      true,
    ],
    ["where nobody is let in", STARTUP, false],
  ] as const)("%s", async (_, startup, isOpen) => {
    const { kit } = consoleOf({}, undefined, isOpen);
    await kit.start();
    await kit.say(startup);
    expect(kit.backend.heard.bytes).toEqual(Buffer.from(startup));
    await kit.expectClean();
  });
});

describe("its login", () => {
  const secret = parseSecret("right");
  const user = {
    name: "ann",
    secret,
    databases: undefined,
    maxConnections: undefined,
    validUntilMs: undefined,
  };
  const login: AuthenticatorOptions = {
    ...{ method: "cleartext", userName: "ann", database: "console", isEncrypted: false },
    lookup: new UserTable([user]).lookup("ann"),
    secrets: new ScramSecrets(new Uint8Array(32)),
    allowUnencryptedCleartext: true,
    certificateNames: undefined,
    channelBinding: undefined,
    nowMs: 0,
    randomBytes: (count) => new Uint8Array(count),
  };

  test("lets in who knows the password", async () => {
    const { kit, results } = consoleOf({}, login);
    await kit.start();
    await kit.say(STARTUP, frontend.password("right"));
    await settle();
    expect(told(kit.heard.take())).toBe("R R K Z");
    expect(results).toEqual([true]);
    await kit.expectClean();
  });

  test("ends with the error that all failed logins have, held back", async () => {
    const { kit, results } = consoleOf({}, login);
    await kit.start();
    await kit.say(STARTUP, frontend.password("wrong"));
    await settle();
    expect(told(kit.heard.take())).toBe("R");
    await kit.pass(25);
    expect(told(kit.heard.take())).toBe("E FATAL 28P01");
    expect(results).toEqual([false]);
    await kit.expectClean();
  });

  test("takes no longer than others", async () => {
    const { kit } = consoleOf({ limits: { startupTimeoutMs: 100 } }, login);
    await kit.start();
    await kit.say(STARTUP);
    await kit.pass(200);
    expect(told(kit.heard.take())).toBe("R E FATAL 08P01");
    await kit.expectClean();
  });
});
