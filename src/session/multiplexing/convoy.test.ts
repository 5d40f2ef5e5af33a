import { describe, expect, test } from "bun:test";
import { MultiplexedKit } from "../../../tests/fixtures/multiplexed.ts";
import type { MultiplexedClient } from "../../../tests/fixtures/multiplexed.ts";
import { told } from "../../../tests/fixtures/session.ts";
import { backend, frontend } from "../../../tests/fixtures/wire/index.ts";
import { Settings } from "../../postgres/index.ts";
import { MAX_SHARED_ANSWER_BYTES } from "./unit-facts.ts";

const ask = (number: number) => frontend.query(`select ${number}`);
const begin = frontend.query("begin");

/** What the client has received since it was asked last: the values of rows, and errors. */
function received({ heard }: MultiplexedClient): string {
  const bytes = heard.take();
  return bytes.length === 0 ? "" : `${told(bytes)} ${values(bytes)}`.trim();
}

function values(bytes: Buffer): string {
  return [...bytes.toString("latin1").matchAll(/answer \d+/g)].join(" ");
}

function nth(clients: readonly MultiplexedClient[], place: number): MultiplexedClient {
  const client = clients[place];
  if (client === undefined) throw new Error(`there is no client ${place}`);
  return client;
}

/** Of two backends: the one that has been asked by those who share, and the other one. */
function sides(kit: MultiplexedKit) {
  const place = kit.at(0).heard.text.includes("select") ? 0 : 1;
  return { asked: kit.at(place), other: kit.at(1 - place) };
}

const answerTo = (number: number) => backend.rows(`answer ${number}`);

async function kitWith(size: number, clients: number) {
  const kit = await new MultiplexedKit({ size }).fill();
  return { kit, clients: kit.clients(clients) };
}

/** Each asks for its own number, all at once. */
async function askAll(kit: MultiplexedKit, clients: readonly MultiplexedClient[]): Promise<void> {
  for (const [number, { connection }] of clients.entries()) connection.write(ask(number));
  await kit.say(nth(clients, 0));
}

describe("units on a backend that others use", () => {
  test("are sent at once, up to the depth, and answered in order", async () => {
    const { kit, clients } = await kitWith(1, 6);
    await askAll(kit, clients);
    expect(kit.at().heard.take()).toEqual(Buffer.concat([0, 1, 2, 3].map(ask)));
    await kit.answer(kit.at(), answerTo(0), answerTo(1));
    expect(kit.at().heard.take()).toEqual(Buffer.concat([4, 5].map(ask)));
    await kit.answer(kit.at(), answerTo(2), answerTo(3), answerTo(4), answerTo(5));
    for (const [number, client] of clients.entries()) {
      expect(received(client)).toBe(`T D C Z answer ${number}`);
    }
    expect(kit.snapshot.idle).toBe(1);
    await kit.expectClean();
  });

  test("wait for no other while a backend is idle", async () => {
    const { kit, clients } = await kitWith(2, 3);
    await askAll(kit, clients);
    const sent = kit.backends.map(({ heard }) => heard.take().toString("latin1"));
    const counts = sent.map((text) => [...text.matchAll(/select/g)].length);
    expect(Math.min(...counts)).toBe(1);
    await kit.expectClean();
  });

  test("are told apart however their answers are cut", async () => {
    const answers = Buffer.concat([
      answerTo(0),
      backend.error("22012"),
      backend.ready(),
      answerTo(2),
    ]);
    for (let cut = 1; cut < answers.length; cut++) {
      const { kit, clients } = await kitWith(1, 3);
      await askAll(kit, clients);
      await kit.answer(kit.at(), answers.subarray(0, cut));
      await kit.answer(kit.at(), answers.subarray(cut));
      expect(clients.map(received)).toEqual([
        "T D C Z answer 0",
        "E ERROR 22012 Z",
        "T D C Z answer 2",
      ]);
      await kit.expectClean();
    }
  });

  test("leave a transaction its own backend, and its turn", async () => {
    const { kit, clients } = await kitWith(1, 4);
    const first = nth(clients, 0);
    const second = nth(clients, 1);
    const third = nth(clients, 2);
    const fourth = nth(clients, 3);
    await kit.say(first, ask(0));
    await kit.say(second, begin);
    // It would fit, but somebody has come before.
    await kit.say(third, ask(2));
    expect(kit.at().heard.take()).toEqual(ask(0));
    await kit.answer(kit.at(), answerTo(0));
    expect(kit.at().heard.take()).toEqual(begin);
    await kit.say(fourth, ask(3));
    await kit.answer(kit.at(), backend.commandComplete("BEGIN"), backend.ready("T"));
    expect(kit.at().heard.take()).toEqual(Buffer.alloc(0));
    await kit.say(second, frontend.query("commit"));
    await kit.answer(kit.at(), backend.commandComplete("COMMIT"), backend.ready());
    expect(kit.at().heard.take().toString("latin1")).toContain("select 2\0Q");
    await kit.answer(kit.at(), answerTo(2), answerTo(3));
    expect(clients.map(received)).toEqual([
      "T D C Z answer 0",
      "C Z C Z",
      "T D C Z answer 2",
      "T D C Z answer 3",
    ]);
    await kit.expectClean();
  });

  test("share nothing with sessions that have set something else", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const plain = kit.client();
    const named = kit.client(new Settings([["application_name", "report"]]));
    const other = kit.client(new Settings([["DateStyle", "German, DMY"]]));
    await kit.say(plain, ask(0));
    await kit.say(named, ask(1));
    await kit.say(other, ask(2));
    expect(kit.at().heard.take()).toEqual(Buffer.concat([ask(0), ask(1)]));
    await kit.answer(kit.at(), answerTo(0), answerTo(1));
    expect(kit.at().heard.take().toString()).toContain("set_config('DateStyle'");
    await kit.expectClean();
  });

  test("come one by one of a client that does not wait", async () => {
    const { kit, clients } = await kitWith(1, 2);
    const busy = nth(clients, 0);
    const other = nth(clients, 1);
    await kit.say(busy, ask(0));
    await kit.say(other, ask(1));
    await kit.say(busy, ask(2), frontend.sync());
    expect(kit.at().heard.take()).toEqual(Buffer.concat([ask(0), ask(1)]));
    await kit.answer(kit.at(), answerTo(0));
    // It is more than a unit, and so is sent alone.
    expect(kit.at().heard.take()).toEqual(Buffer.alloc(0));
    await kit.answer(kit.at(), answerTo(1));
    expect(kit.at().heard.take()).toEqual(Buffer.concat([ask(2), frontend.sync()]));
    await kit.answer(kit.at(), answerTo(2), backend.ready());
    expect(received(busy)).toBe("T D C Z T D C Z Z answer 0 answer 2");
    await kit.expectClean();
  });
});

describe("a head that is slow", () => {
  test("keeps its backend, and those behind it go to another one", async () => {
    const { kit, clients } = await kitWith(2, 4);
    const blocker = nth(clients, 0);
    const others = clients.slice(1);
    await kit.say(blocker, begin);
    await askAll(kit, others);
    const { asked: slow, other: free } = sides(kit);
    expect(slow.heard.take()).toEqual(Buffer.concat([0, 1, 2].map(ask)));
    free.heard.take();
    await kit.answer(free, backend.commandComplete("BEGIN"), backend.ready("T"));
    await kit.say(blocker, frontend.query("commit"));
    await kit.pass(15);
    free.heard.take();
    await kit.pass(30);
    // Nothing is free yet: they wait.
    expect(free.heard.take()).toEqual(Buffer.alloc(0));
    await kit.answer(free, backend.commandComplete("COMMIT"), backend.ready());
    expect(free.heard.take()).toEqual(Buffer.concat([1, 2].map(ask)));
    await kit.answer(free, answerTo(1), answerTo(2));
    // What the slow backend says late of them, nobody hears.
    await kit.answer(slow, answerTo(0), answerTo(1), answerTo(2));
    expect(others.map(received)).toEqual([0, 1, 2].map((number) => `T D C Z answer ${number}`));
    expect(kit.snapshot.idle).toBe(2);
    await kit.expectClean();
  });

  test("takes nobody more", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await kit.say(nth(clients, 0), ask(0));
    await kit.pass(50);
    await kit.say(nth(clients, 1), ask(1));
    expect(kit.at().heard.take()).toEqual(ask(0));
    await kit.answer(kit.at(), answerTo(0));
    expect(kit.at().heard.take()).toEqual(ask(1));
    await kit.expectClean();
  });

  test("of a statement that usually takes longer is waited for longer", async () => {
    const { kit, clients } = await kitWith(1, 2);
    kit.facts.usualMs = 10;
    await askAll(kit, clients);
    await kit.pass(90);
    await kit.answer(kit.at(), answerTo(0), answerTo(1));
    expect(received(nth(clients, 1))).toBe("T D C Z answer 1");
    await kit.expectClean();
  });

  test("of a statement that usually takes very long is alone from the beginning", async () => {
    const { kit, clients } = await kitWith(1, 2);
    kit.facts.usualMs = 100;
    await askAll(kit, clients);
    expect(kit.at().heard.take()).toEqual(ask(0));
    kit.facts.usualMs = 1;
    await kit.answer(kit.at(), answerTo(0));
    expect(kit.at().heard.take()).toEqual(ask(1));
    await kit.answer(kit.at(), answerTo(1));
    expect(clients.map(received)).toEqual(["T D C Z answer 0", "T D C Z answer 1"]);
    await kit.expectClean();
  });

  test("is also one that answers too much", async () => {
    const { kit, clients } = await kitWith(2, 4);
    const blocker = nth(clients, 0);
    const others = clients.slice(1);
    await kit.say(blocker, begin);
    await askAll(kit, others);
    const { asked: large, other: free } = sides(kit);
    const row = backend.dataRow("x".repeat(MAX_SHARED_ANSWER_BYTES));
    await kit.answer(large, row);
    free.heard.take();
    await kit.answer(free, backend.commandComplete("BEGIN"), backend.ready("T"));
    await kit.say(blocker, frontend.query("commit"));
    await kit.answer(free, backend.commandComplete("COMMIT"), backend.ready());
    expect(free.heard.take().toString("latin1")).toContain("select 1\0Q");
    await kit.expectClean();
  });

  test("whose client does not read stops its server, and nobody else", async () => {
    const { kit, clients } = await kitWith(1, 2);
    const deaf = nth(clients, 0);
    const other = nth(clients, 1);
    await askAll(kit, clients);
    deaf.gatewayEnd.isBlocked = true;
    await kit.answer(kit.at(), backend.rowDescription("x"));
    kit.at().heard.take();
    await kit.answer(kit.at(), backend.dataRow("answer 0"), backend.commandComplete("SELECT 1"));
    await kit.answer(kit.at(), backend.ready(), answerTo(1));
    expect(received(other)).toBe("");
    deaf.gatewayEnd.isBlocked = false;
    await kit.pass(0);
    // What came here for the other one was dropped: it is asked for again.
    expect(kit.at().heard.take()).toEqual(ask(1));
    await kit.answer(kit.at(), answerTo(1));
    expect(clients.map(received)).toEqual(["T D C Z answer 0", "T D C Z answer 1"]);
    await kit.expectClean();
  });
});

describe("a cancel request", () => {
  test("for a unit behind others is answered by the gateway", async () => {
    const { kit, clients } = await kitWith(1, 3);
    await askAll(kit, clients);
    await nth(clients, 1).session.cancel();
    await kit.pass(0);
    expect(received(nth(clients, 1))).toBe("E ERROR 57014 Z");
    await kit.answer(kit.at(), answerTo(0), answerTo(1), answerTo(2));
    expect(clients.map(received)).toEqual(["T D C Z answer 0", "", "T D C Z answer 2"]);
    expect(kit.cancelled).toEqual([]);
    await kit.expectClean();
  });

  test("for a head with others behind it is answered by the gateway", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await askAll(kit, clients);
    await nth(clients, 0).session.cancel();
    await kit.say(nth(clients, 0), ask(7));
    await kit.answer(kit.at(), answerTo(0), answerTo(1), answerTo(7));
    expect(clients.map(received)).toEqual(["E ERROR 57014 Z T D C Z answer 7", "T D C Z answer 1"]);
    expect(kit.cancelled).toEqual([]);
    await kit.expectClean();
  });

  test("for a unit alone goes to the server, and nothing is sent before it is over", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await kit.say(nth(clients, 0), ask(0));
    void nth(clients, 0).session.cancel();
    expect(kit.cancelled).toEqual([kit.at().backend]);
    await kit.say(nth(clients, 1), ask(1));
    await kit.answer(kit.at(), backend.error("57014"), backend.ready());
    expect(received(nth(clients, 0))).toBe("E ERROR 57014 Z");
    await kit.say(nth(clients, 0), ask(2));
    expect(kit.at().heard.take()).toEqual(ask(0));
    kit.cancelling.resolve();
    await kit.pass(0);
    expect(kit.at().heard.take()).toEqual(Buffer.concat([ask(1), ask(2)]));
    await kit.expectClean();
  });
});

describe("a cancel request of a client that does not wait", () => {
  test("never hits those that its next unit has boarded with", async () => {
    const { kit, clients } = await kitWith(1, 2);
    const hasty = nth(clients, 1);
    const asked: string[] = [];
    Object.defineProperty(kit.at().backend, "keyData", { get: () => void asked.push("cancel") });
    await kit.say(nth(clients, 0), ask(0));
    // It is more than one unit, and so waits.
    await kit.say(hasty, Buffer.concat([ask(1), ask(2)]));
    await hasty.session.cancel();
    await kit.pass(0);
    expect(kit.at().heard.take()).toEqual(Buffer.concat([ask(0), ask(2)]));
    expect(asked).toEqual([]);
    await kit.answer(kit.at(), answerTo(0), answerTo(2));
    expect(clients.map(received)).toEqual(["T D C Z answer 0", "E ERROR 57014 Z T D C Z answer 2"]);
    await kit.expectClean();
  });
});

describe("what nobody waits for any more", () => {
  test("is cancelled when it is slow, though somebody waited behind it", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await askAll(kit, clients);
    await nth(clients, 0).session.cancel();
    expect(kit.cancelled).toEqual([]);
    // The one behind it is to go elsewhere.
    await kit.pass(30);
    await kit.pass(30);
    expect(kit.cancelled).toEqual([kit.at().backend]);
    kit.cancelling.resolve();
    kit.at().heard.take();
    await kit.answer(kit.at(), backend.error("57014"), backend.ready(), answerTo(1));
    expect(kit.at().heard.take()).toEqual(ask(1));
    await kit.answer(kit.at(), answerTo(1));
    expect(clients.map(received)).toEqual(["E ERROR 57014 Z", "T D C Z answer 1"]);
    await kit.expectClean();
  });

  test("keeps its backend for five seconds at most", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await askAll(kit, clients);
    await nth(clients, 0).session.cancel();
    await kit.pass(30);
    await kit.pass(30);
    kit.cancelling.resolve();
    for (let round = 0; round < 8; round++) await kit.pass(1_000);
    expect(kit.at().connection.isOpen).toBe(false);
    expect(kit.at(1).heard.take()).toEqual(ask(1));
    await kit.expectClean();
  });
});

describe("the time of a query", () => {
  test("counts from when the server has come to it", async () => {
    const kit = await new MultiplexedKit({ size: 1, limits: { queryTimeoutMs: 60 } }).fill();
    const clients = kit.clients(3);
    kit.facts.usualMs = 10;
    await askAll(kit, clients);
    for (const number of clients.keys()) {
      await kit.pass(50);
      await kit.answer(kit.at(), answerTo(number));
    }
    expect(clients.map(received)).toEqual([0, 1, 2].map((number) => `T D C Z answer ${number}`));
    await kit.expectClean();
  });

  test("does not count while it waits for another backend", async () => {
    const kit = await new MultiplexedKit({ size: 1, limits: { queryTimeoutMs: 100 } }).fill();
    const clients = kit.clients(2);
    await askAll(kit, clients);
    nth(clients, 0).connection.terminate();
    await kit.pass(50);
    await kit.pass(300);
    expect(received(nth(clients, 1))).toBe("");
    kit.cancelling.resolve();
    await kit.answer(kit.at(), answerTo(0), answerTo(1));
    await kit.answer(kit.at(), answerTo(1));
    expect(received(nth(clients, 1))).toBe("T D C Z answer 1");
    await kit.expectClean();
  });
});

test("a backend that is not to be used again takes nobody more, and is replaced", async () => {
  const { kit, clients } = await kitWith(1, 2);
  await kit.say(nth(clients, 0), ask(0));
  const old = kit.at();
  // A cancel request that has not come to its end, say.
  old.backend.mayBeStruck = true;
  await kit.pass(15);
  await kit.say(nth(clients, 1), ask(1));
  expect(old.heard.take()).toEqual(ask(0));
  await kit.answer(old, answerTo(0));
  await kit.pass(100);
  expect(old.connection.isOpen).toBe(false);
  expect(kit.at(1).heard.take()).toEqual(ask(1));
  await kit.answer(kit.at(1), answerTo(1));
  expect(clients.map(received)).toEqual(["T D C Z answer 0", "T D C Z answer 1"]);
  await kit.expectClean();
});

describe("a client that leaves", () => {
  test("takes nothing from those behind it", async () => {
    const { kit, clients } = await kitWith(1, 3);
    await askAll(kit, clients);
    nth(clients, 0).connection.close();
    nth(clients, 1).connection.terminate();
    await kit.pass(600);
    kit.cancelling.resolve();
    // After so long a wait the head counted as slow, and the last one was to go elsewhere.
    await kit.answer(kit.at(), answerTo(0), answerTo(1), answerTo(2));
    await kit.answer(kit.at(), answerTo(2));
    expect(received(nth(clients, 2))).toBe("T D C Z answer 2");
    await kit.expectClean();
  });

  test("alone has its query cancelled", async () => {
    const { kit, clients } = await kitWith(1, 1);
    await kit.say(nth(clients, 0), ask(0));
    nth(clients, 0).connection.terminate();
    await kit.pass(0);
    expect(kit.cancelled).toEqual([kit.at().backend]);
    kit.cancelling.resolve();
    await kit.answer(kit.at(), backend.error("57014"), backend.ready());
    expect(kit.snapshot.idle).toBe(1);
    await kit.expectClean();
  });

  test("behind its last request gets the answer first", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await askAll(kit, clients);
    await kit.say(nth(clients, 1), frontend.terminate());
    await kit.answer(kit.at(), answerTo(0), answerTo(1));
    expect(received(nth(clients, 1))).toBe("T D C Z answer 1");
    expect(nth(clients, 1).ends).toEqual(["clientGone"]);
    await kit.expectClean();
  });
});

describe("a backend that is lost", () => {
  test("ends the sessions whose units it had", async () => {
    const { kit, clients } = await kitWith(1, 5);
    await askAll(kit, clients);
    await kit.answer(kit.at(), answerTo(0), backend.rowDescription("x"));
    kit.at().connection.terminate();
    await kit.pass(0);
    expect(clients.slice(0, 4).map(received)).toEqual([
      "T D C Z answer 0",
      "T E FATAL 08006",
      "E FATAL 08006",
      "E FATAL 08006",
    ]);
    expect(nth(clients, 0).ends).toEqual([]);
    expect(nth(clients, 2).ends).toEqual(["ERR_SERVER_LOST"]);
    await kit.expectClean();
  });

  test("tells all of them what the server said", async () => {
    const { kit, clients } = await kitWith(1, 3);
    await askAll(kit, clients);
    await kit.answer(kit.at(), backend.error("57P01", "FATAL"));
    kit.at().connection.close();
    await kit.pass(0);
    expect(clients.map(received)).toEqual(["E FATAL 57P01", "E FATAL 57P01", "E FATAL 57P01"]);
    expect(clients.flatMap(({ ends }) => ends)).toEqual(
      Array.from({ length: 3 }, () => "serverClosed"),
    );
    await kit.expectClean();
  });

  test("has its units sent again, if the configuration wants it, but for what was answered in part", async () => {
    const kit = await new MultiplexedKit({ size: 1, retriesReadOnly: true }).fill();
    const clients = kit.clients(3);
    await askAll(kit, clients);
    await kit.answer(kit.at(), backend.rowDescription("x"));
    kit.at().connection.terminate();
    await kit.pass(5_000);
    expect(clients.map(received)).toEqual(["T E FATAL 08006", "", ""]);
    expect(kit.at(1).heard.take()).toEqual(Buffer.concat([1, 2].map(ask)));
    await kit.answer(kit.at(1), answerTo(1), answerTo(2));
    expect(clients.slice(1).map(received)).toEqual(["T D C Z answer 1", "T D C Z answer 2"]);
    await kit.expectClean();
  });

  test("takes nothing that it has not been sent", async () => {
    const { kit, clients } = await kitWith(1, 2);
    const first = kit.at();
    await kit.say(nth(clients, 0), ask(0));
    // It boards, and before the turn of the event loop is over the backend is lost.
    nth(clients, 1).connection.write(ask(1));
    await Promise.resolve();
    expect(nth(clients, 1).relay?.isQueryRunning).toBe(true);
    first.connection.terminate();
    await kit.pass(0);
    await kit.pass(5_000);
    expect(received(nth(clients, 0))).toBe("E FATAL 08006");
    expect(kit.at(1).heard.take()).toEqual(ask(1));
    await kit.answer(kit.at(1), answerTo(1));
    expect(received(nth(clients, 1))).toBe("T D C Z answer 1");
    await kit.expectClean();
  });

  test("is not given to anybody once it has said goodbye", async () => {
    const { kit, clients } = await kitWith(1, 2);
    const first = kit.at();
    await kit.say(nth(clients, 0), ask(0));
    await kit.say(nth(clients, 1), begin);
    await kit.answer(first, Buffer.concat([answerTo(0), backend.error("57P01", "FATAL")]));
    await kit.pass(5_000);
    expect(kit.at(1).heard.take()).toEqual(begin);
    expect(clients.map(received)).toEqual(["T D C Z answer 0", ""]);
    await kit.expectClean();
  });

  test("has said why, however that is cut", async () => {
    const farewell = backend.error("57P01", "FATAL");
    for (let cut = 1; cut < farewell.length; cut++) {
      const { kit, clients } = await kitWith(1, 2);
      await askAll(kit, clients);
      await kit.answer(kit.at(), farewell.subarray(0, cut));
      await kit.answer(kit.at(), farewell.subarray(cut));
      kit.at().connection.close();
      await kit.pass(0);
      expect(clients.map(received)).toEqual(["E FATAL 57P01", "E FATAL 57P01"]);
      await kit.expectClean();
    }
  });

  test("is not followed by a third one: a statement may be what ends them", async () => {
    const kit = await new MultiplexedKit({ size: 1, retriesReadOnly: true }).fill();
    const clients = kit.clients(1);
    await askAll(kit, clients);
    for (let place = 0; place < 2; place++) {
      expect(kit.at(place).heard.take()).toEqual(ask(0));
      kit.at(place).connection.terminate();
      await kit.pass(5_000);
    }
    expect(received(nth(clients, 0))).toBe("E FATAL 08006");
    await kit.expectClean();
  });

  test("is given up when it says what cannot be", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await askAll(kit, clients);
    await kit.answer(kit.at(), Uint8Array.of(0x54, 0, 0, 0, 1));
    expect(clients.map(({ ends }) => ends.length)).toEqual([1, 1]);
    await kit.expectClean();
  });

  test("is not used again once it has begun a transaction that nobody asked for", async () => {
    const { kit, clients } = await kitWith(1, 2);
    await askAll(kit, clients);
    const first = kit.at();
    await kit.answer(first, backend.commandComplete("SELECT 0"), backend.ready("T"));
    await kit.answer(first, answerTo(1));
    await kit.pass(0);
    expect(first.connection.isOpen).toBe(false);
    expect(kit.at(1).heard.take()).toEqual(ask(1));
    await kit.answer(kit.at(1), answerTo(1));
    expect(received(nth(clients, 1))).toBe("T D C Z answer 1");
    await kit.expectClean();
  });
});
