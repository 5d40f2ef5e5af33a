import { describe, expect, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { told } from "../../tests/fixtures/session.ts";
import { backend, everySplit, frontend } from "../../tests/fixtures/wire/index.ts";
import { AnswerLedger, ClientStream, ServerStream } from "../postgres/index.ts";
import { Cancellation } from "./cancellation.ts";

const { query, parse, bind, execute, sync, flush, copyData, copyDone } = frontend;
const LIMIT = 1024 * 1024;

/** A client and a server that a cancellation is between; the server answers when it is told to. */
class Talk {
  readonly ledger = new AnswerLedger();
  readonly clientStream = new ClientStream(this.ledger, LIMIT);
  readonly #serverStream = new ServerStream(this.ledger, LIMIT);
  readonly #sent: Uint8Array[] = [];
  readonly #requests: (() => void)[] = [];
  cancellation: Cancellation;

  constructor(...before: readonly Uint8Array[]) {
    this.cancellation = this.#cancellation(false);
    this.#serverStream.advance(backend.ready());
    for (const bytes of before) this.clientStream.advance(bytes);
  }

  /** As with a time limit on queries. */
  static oneByOne(): Talk {
    const talk = new Talk();
    talk.cancellation = talk.#cancellation(true);
    return talk;
  }

  #cancellation(isOneByOne: boolean): Cancellation {
    return new Cancellation(
      {
        ledger: this.ledger,
        clientStream: this.clientStream,
        sendRequest: () => new Promise((resolve) => this.#requests.push(resolve)),
        toServer: (bytes) => this.#sent.push(bytes),
      },
      isOneByOne,
    );
  }

  cancel(): void {
    void this.cancellation.request().then(() => this.cancellation.release());
  }

  /** The server has passed on all requests. */
  async strike(): Promise<void> {
    for (const done of this.#requests.splice(0)) done();
    await settle();
  }

  say(...messages: readonly Uint8Array[]): void {
    for (const bytes of messages) this.cancellation.push(bytes);
  }

  answer(...messages: readonly Uint8Array[]): void {
    for (const bytes of messages) this.#serverStream.advance(bytes);
    this.cancellation.release();
  }

  /** What has reached the server since the last call. */
  taken(): Buffer {
    return Buffer.concat(this.#sent.splice(0));
  }
}

const CANCELLED = [backend.error("57014"), backend.ready()] as const;

describe("while a request is on its way", () => {
  test("the next query is held until it has struck and its target has ended", async () => {
    for (const order of ["struck first", "ended first"] as const) {
      const talk = new Talk(query("1"));
      talk.cancel();
      talk.say(query("2"), query("3"));
      if (order === "struck first") await talk.strike();
      else talk.answer(...CANCELLED);
      expect([talk.taken().length, talk.cancellation.isHolding]).toEqual([0, true]);
      if (order === "struck first") talk.answer(...CANCELLED);
      else await talk.strike();
      expect(told(talk.taken())).toBe("Q Q");
      expect([talk.cancellation.state, talk.cancellation.isHolding]).toEqual(["over", false]);
    }
  });

  test("the rest of a message passes", () => {
    const message = query("x".repeat(100));
    for (let at = 1; at < message.length; at++) {
      const talk = new Talk(message.subarray(0, at));
      talk.cancel();
      talk.say(message.subarray(at));
      expect(talk.taken()).toEqual(message.subarray(at));
    }
  });

  test("the rest of a batch passes, and what follows its Sync is held", () => {
    const talk = new Talk(parse("select 1"), bind(), execute(), flush());
    talk.cancel();
    talk.say(Buffer.concat([execute(), flush()]), Buffer.concat([sync(), query("2")]));
    expect(told(talk.taken())).toBe("E H S");
  });

  test("a failed batch passes to its Sync, though its error has been told", () => {
    const talk = new Talk(parse("select 1"), bind(), execute(), flush());
    talk.cancel();
    talk.answer(backend.error("57014"));
    talk.say(bind(), sync(), query("2"));
    expect(told(talk.taken())).toBe("B S");
  });

  test("a batch begun behind its target is held", async () => {
    const talk = new Talk(query("1"), parse("2"));
    talk.cancel();
    talk.say(bind(), execute(), sync());
    talk.answer(...CANCELLED);
    expect(talk.taken().length).toBe(0);
    await talk.strike();
    expect(told(talk.taken())).toBe("B E S");
  });

  test("the data of a COPY passes, and what follows its end is held", () => {
    const talk = new Talk(query("copy"));
    talk.answer(backend.copyIn());
    talk.cancel();
    talk.say(copyData("1\n"), copyData("2\n"), copyDone(), query("2"));
    expect(told(talk.taken())).toBe("d d c");
    const batch = new Talk(parse("copy"), bind(), execute(), flush());
    batch.answer(backend.parseComplete(), backend.bindComplete(), backend.copyIn());
    batch.cancel();
    batch.say(copyData("1\n"), copyDone(), sync(), query("2"));
    expect(told(batch.taken())).toBe("d c S");
  });

  test("data that comes before the COPY passes once the server asks for it", () => {
    const talk = new Talk(query("copy"));
    talk.cancel();
    talk.say(copyData("1\n"), copyDone(), query("2"));
    expect(talk.taken().length).toBe(0);
    talk.answer(backend.copyIn());
    expect(told(talk.taken())).toBe("d c");
  });

  test("all this holds wherever the stream is cut", () => {
    const all = Buffer.concat([copyData("1\n"), copyDone(), query("2")]);
    for (const chunks of everySplit(all)) {
      const talk = new Talk(query("copy"));
      talk.answer(backend.copyIn());
      talk.cancel();
      talk.say(...chunks);
      expect(told(talk.taken())).toBe("d c");
    }
  });
});

describe("one by one", () => {
  const batch = Buffer.concat([parse("select 1"), bind(), execute(), sync()]);

  test("a unit waits for the end of the one ahead of it, wherever the stream is cut", () => {
    for (const chunks of everySplit(Buffer.concat([query("1"), batch, sync(), query("2")]))) {
      const talk = Talk.oneByOne();
      talk.say(...chunks);
      for (const sent of ["Q", "P B E S", "S", "Q"]) {
        expect(told(talk.taken())).toBe(sent);
        talk.answer(backend.ready());
      }
      expect([talk.cancellation.isHolding, talk.cancellation.isDone]).toEqual([false, false]);
    }
  });

  test("what belongs to one unit goes through at once", () => {
    const talk = Talk.oneByOne();
    talk.say(parse("copy"), flush(), bind(), execute(), flush());
    talk.answer(backend.parseComplete(), backend.bindComplete(), backend.copyIn());
    talk.say(copyData("1\n"), copyDone(), sync(), query("2"));
    expect(told(talk.taken())).toBe("P H B E H d c S");
  });

  test("a unit whose own end the request missed does not give the next one away", async () => {
    const talk = Talk.oneByOne();
    talk.say(query("1"), query("2"));
    talk.cancel();
    talk.answer(backend.rows("1"));
    expect(told(talk.taken())).toBe("Q");
    await talk.strike();
    expect(told(talk.taken())).toBe("Q");
  });
});

test("more than a little held asks for a pause", () => {
  const talk = Talk.oneByOne();
  talk.say(query("1"), query("x".repeat(65_000)));
  expect(talk.cancellation.isFull).toBe(false);
  talk.say(query("x".repeat(1_000)));
  expect(talk.cancellation.isFull).toBe(true);
  talk.answer(backend.ready());
  expect(talk.cancellation.isFull).toBe(false);
});

test("bytes that are no message are refused when they may go", () => {
  for (const length of [-1, 0, 1, 2, 3, 2 * LIMIT]) {
    const header = Buffer.alloc(5, "d");
    header.writeInt32BE(length, 1);
    for (const chunks of everySplit(header)) {
      const talk = new Talk(query("copy"));
      talk.answer(backend.copyIn());
      talk.cancel();
      expect(() => talk.say(...chunks)).toThrow(/announces/);
    }
  }
});
