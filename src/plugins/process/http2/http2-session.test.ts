import { describe, expect, test } from "bun:test";
import { Duplex } from "node:stream";
import { waitFor } from "../../../../tests/kit/index.ts";
import { FrameReader } from "./frame-reader.ts";
import { makeFrame, numberFrame, settingsFrame } from "./frames.ts";
import { headerBlock, type HeaderFields, Http2Session, type StreamReceiver } from "./index.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const [DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
];
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const PADDED = 8;
const WITH_PRIORITY = 0x20;

/** A frame that was sent: type, flags, stream and payload. */
type Sent = readonly [type: number, flags: number, streamId: number, payload: string];

/** A session whose other end is the test, frame by frame. */
class Scene {
  readonly sent: Sent[] = [];
  readonly told: string[] = [];
  readonly session: Http2Session;
  readonly #socket: Duplex;
  /** Whether the other end reads. */
  #reads: boolean;

  constructor({ reads = true }: { reads?: boolean } = {}) {
    this.#reads = reads;
    let prefaceBytes = PREFACE.length;
    const reader = new FrameReader((type, flags, streamId, payload) =>
      this.sent.push([type, flags, streamId, payload.toString("latin1")]),
    );
    this.#socket = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        reader.read(chunk.subarray(prefaceBytes));
        prefaceBytes = 0;
        if (this.#reads) done();
      },
    });
    this.session = new Http2Session(this.#socket, {
      onSettings: (streams) => this.told.push(`settings ${streams}`),
      onLeaving: () => this.told.push("leaving"),
      onClosed: ({ message }) => this.told.push(`closed: ${message}`),
    });
  }

  get isDestroyed(): boolean {
    return this.#socket.destroyed;
  }

  say(...frames: readonly Buffer[]): void {
    this.#socket.push(Buffer.concat(frames));
  }

  async hears(what: string): Promise<void> {
    await waitFor(what, () => this.told.includes(what));
  }

  /** Frames of one type that were sent. */
  sentOf(type: number | undefined): readonly Sent[] {
    return this.sent.filter(([sentType]) => sentType === type);
  }

  /** Bytes of bodies that were sent. */
  get bodyBytes(): number {
    return this.sentOf(DATA).reduce((sum, [, , , payload]) => sum + payload.length, 0);
  }
}

/** Writes down what a stream is told. */
class Heard implements StreamReceiver {
  readonly events: string[] = [];

  onHeaders(fields: HeaderFields, isLast: boolean): void {
    this.events.push(`headers ${JSON.stringify([...fields])} ${isLast}`);
  }

  onData(bytes: Buffer, isLast: boolean): void {
    this.events.push(`data ${bytes.toString()} ${isLast}`);
  }

  onBroken({ message }: Error): void {
    this.events.push(`broken: ${message}`);
  }
}

const frame = (type: number | undefined, flags: number, streamId: number, payload = ""): Buffer =>
  makeFrame(type ?? 0, flags, streamId, Buffer.from(payload, "latin1"));
const block = (fields: Record<string, string>): string => headerBlock(fields).toString("latin1");
const number = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString("latin1");
};
const setting = (id: number, value: number): Buffer => settingsFrame([[id, value]]);
const REQUEST = headerBlock({ ":path": "/" });

async function opened(options: { reads?: boolean } = {}): Promise<Scene> {
  const scene = new Scene(options);
  scene.say(setting(3, 7));
  await scene.hears("settings 7");
  return scene;
}

describe("a session", () => {
  test("says what it takes before anything else", async () => {
    const scene = await opened();
    await waitFor("its settings to be acknowledged", () => scene.sent.length === 3);
    expect(scene.sent).toEqual([
      [4, 0, 0, `\0\x02${number(0)}\0\x04${number(1 << 20)}`],
      [8, 0, 0, number((1 << 24) - 65_535)],
      [4, ACK, 0, ""],
    ]);
  });

  test("reads answers in whatever frames they come, cut anywhere", async () => {
    const head = block({ ":status": "200", "a-name": "a value" });
    const bytes = Buffer.concat([
      frame(PRIORITY, 0, 1, `${number(0)}\x01`),
      frame(HEADERS, PADDED | WITH_PRIORITY, 1, `\x02${number(0)}\x01${head.slice(0, 3)}\0\0`),
      frame(CONTINUATION, 0, 1, head.slice(3, 9)),
      frame(CONTINUATION, END_HEADERS, 1, head.slice(9)),
      frame(0x42, 0xff, 1, "nobody knows this"),
      frame(DATA, PADDED, 1, "\x03one\0\0\0"),
      frame(DATA, 0, 1, ""),
      frame(DATA, 0, 1, "two"),
      frame(HEADERS, END_HEADERS | END_STREAM, 1, block({ last: "" })),
    ]);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const scene = await opened();
      const heard = new Heard();
      scene.session.request(REQUEST, Buffer.from("?"), heard);
      scene.say(bytes.subarray(0, cut));
      scene.say(bytes.subarray(cut));
      await waitFor("the end", () => heard.events.length === 5);
      expect(heard.events).toEqual([
        'headers [[":status","200"],["a-name","a value"]] false',
        "data one false",
        "data  false",
        "data two false",
        'headers [["last",""]] true',
      ]);
      scene.session.destroy();
    }
  });

  test("sends a body as far as there is room on the stream and on the session", async () => {
    const scene = await opened();
    const body = Buffer.alloc(100_000, "abcdefg");
    scene.session.request(REQUEST, body, new Heard());
    scene.session.request(REQUEST, Buffer.from("second"), new Heard());
    await waitFor("the first part", () => scene.bodyBytes === 65_535);
    scene.say(numberFrame(WINDOW ?? 0, 1, 100_000));
    scene.say(numberFrame(WINDOW ?? 0, 0, 10));
    await waitFor("ten bytes more", () => scene.bodyBytes === 65_545);
    scene.say(numberFrame(WINDOW ?? 0, 0, 1_000_000));
    await waitFor("the rest", () => scene.bodyBytes === 100_006);
    const sent = scene.sentOf(DATA);
    expect(
      sent
        .filter(([, flags]) => flags === END_STREAM)
        .map(([, , id]) => id)
        .toSorted((a, b) => a - b),
    ).toEqual([1, 3]);
    const first = sent.filter(([, , id]) => id === 1).map(([, , , payload]) => payload);
    expect(first.join("")).toBe(body.toString());
    expect(Math.max(...first.map(({ length }) => length))).toBe(16_384);
    scene.session.destroy();
  });

  test("heeds a change of the room that streams begin with, for those under way too", async () => {
    const scene = await opened();
    scene.say(setting(4, 3));
    await waitFor("the settings", () => scene.told.length === 2);
    scene.session.request(REQUEST, Buffer.from("0123456789"), new Heard());
    await waitFor("the first part", () => scene.bodyBytes === 3);
    scene.say(setting(4, 1), numberFrame(WINDOW ?? 0, 1, 2));
    scene.say(setting(4, 5));
    await waitFor("four bytes more", () => scene.bodyBytes === 7);
    expect(
      scene
        .sentOf(DATA)
        .map(([, , , payload]) => payload)
        .join(""),
    ).toBe("0123456");
    scene.session.destroy();
  });

  test("makes room for as much as was consumed, on the stream and on the session", async () => {
    const scene = await opened();
    const stream = scene.session.request(REQUEST, Buffer.from("?"), new Heard());
    const part = frame(DATA, 0, 1, "x".repeat(16_384));
    scene.say(...Array.from({ length: 64 }, () => part));
    scene.session.consumed(stream, 1 << 19);
    await waitFor("room on the stream", () =>
      scene.sentOf(WINDOW).some(([, , id, payload]) => id === 1 && payload === number(1 << 19)),
    );
    for (let round = 0; round < 16; round += 1) {
      scene.session.consumed(stream, 1 << 19);
      scene.say(...Array.from({ length: 32 }, () => part));
    }
    await waitFor("room on the session", () =>
      scene.sentOf(WINDOW).some(([, , id, payload]) => id === 0 && payload === number(1 << 23)),
    );
    expect(scene.told).toEqual(["settings 7"]);
    scene.session.destroy();
  });

  test("answers pings, and no answers to them", async () => {
    const scene = await opened();
    scene.say(frame(PING, 0, 0, "12345678"), frame(PING, ACK, 0, "87654321"));
    await waitFor("the answer", () => scene.sentOf(PING).length > 0);
    expect(scene.sentOf(PING)).toEqual([[6, ACK, 0, "12345678"]]);
  });

  test("lets what is under way end when it is told that it has to, and refuses what comes later", async () => {
    const scene = await opened();
    const [first, second] = [new Heard(), new Heard()];
    scene.session.request(REQUEST, Buffer.from("?"), first);
    scene.session.request(REQUEST, Buffer.from("?"), second);
    scene.say(frame(GOAWAY, 0, 0, number(1) + number(0)));
    await scene.hears("leaving");
    expect(second.events).toEqual(["broken: it takes no more calls"]);
    expect(() => scene.session.request(REQUEST, Buffer.from("?"), second)).toThrow();
    scene.say(frame(HEADERS, END_HEADERS | END_STREAM, 1, block({ a: "b" })));
    await scene.hears("closed: the connection was closed");
    expect(first.events).toEqual(['headers [["a","b"]] true']);
    expect(scene.sentOf(GOAWAY)).toHaveLength(1);
    await waitFor("the socket to be closed", () => scene.isDestroyed);
  });

  test("tells a stream that it was reset, and asks for no more of one that was given up", async () => {
    const scene = await opened();
    const [reset, given] = [new Heard(), new Heard()];
    scene.session.request(REQUEST, Buffer.from("?"), reset);
    scene.say(frame(RST, 0, 1, number(7)));
    await waitFor("the reset", () => reset.events.length > 0);
    expect(reset.events).toEqual(["broken: it was reset with code 7"]);
    scene.session.reset(scene.session.request(REQUEST, Buffer.from("?"), given));
    await waitFor("our reset", () => scene.sentOf(RST).length > 0);
    expect(scene.sentOf(RST)).toEqual([[3, 0, 3, number(8)]]);
    // What it had sent before it knew: also that counts for the table of fields.
    scene.say(
      frame(HEADERS, END_HEADERS, 3, "\x40\x01k\x01v"),
      frame(DATA, 0, 3, "late"),
      frame(PING, 0, 0, "12345678"),
    );
    await waitFor("the answer", () => scene.sentOf(PING).length > 0);
    const next = new Heard();
    scene.session.request(REQUEST, Buffer.from("?"), next);
    scene.say(frame(HEADERS, END_HEADERS, 5, "\xbe"));
    await waitFor("the remembered field", () => next.events.length > 0);
    expect(next.events).toEqual(['headers [["k","v"]] false']);
    expect(given.events).toEqual([]);
    scene.session.destroy();
    expect(next.events.at(-1)).toBe("broken: the connection was closed");
  });

  test("gives up the rest of a body whose answer is complete", async () => {
    const scene = await opened();
    const heard = new Heard();
    scene.session.request(REQUEST, Buffer.alloc(70_000), heard);
    scene.say(frame(HEADERS, END_HEADERS | END_STREAM, 1, block({ a: "b" })));
    await waitFor("the reset", () => scene.sentOf(RST).length > 0);
    scene.say(numberFrame(WINDOW ?? 0, 0, 70_000), frame(PING, 0, 0, "12345678"));
    await waitFor("the answer", () => scene.sentOf(PING).length > 0);
    expect([scene.bodyBytes, heard.events]).toEqual([65_535, ['headers [["a","b"]] true']]);
  });

  const FAULTS: Readonly<Record<string, readonly [code: number, reason: string, Buffer[]]>> = {
    "a frame that is too long": [
      6,
      "a frame has 16385 bytes",
      [Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])],
    ],
    "a ping that is too short": [6, "a frame of an odd length", [frame(PING, 0, 0, "short")]],
    "half a setting": [6, "settings of an odd length", [frame(SETTINGS, 0, 0, "\0\x03\0")]],
    "a goodbye that is too short": [6, "a short goodbye", [frame(GOAWAY, 0, 0, "\0")]],
    "a push": [1, "it pushes what nobody asked for", [frame(PUSH, END_HEADERS, 1, number(2))]],
    "headers with something between": [
      1,
      "headers are interrupted",
      [frame(HEADERS, 0, 1, "\x88"), frame(PING, 0, 0, "12345678")],
    ],
    "headers that go on on another stream": [
      1,
      "headers are interrupted",
      [frame(HEADERS, 0, 1, "\x88"), frame(CONTINUATION, END_HEADERS, 3, "\x88")],
    ],
    "the end of no headers": [
      1,
      "headers are interrupted",
      [frame(CONTINUATION, END_HEADERS, 1, "\x88")],
    ],
    "headers without end": [
      11,
      "the headers are too long",
      [frame(HEADERS, 0, 1), ...Array.from({ length: 65 }, () => frame(CONTINUATION, 0, 1))],
    ],
    "headers that are too long": [
      11,
      "the headers are too long",
      [
        frame(HEADERS, 0, 1),
        ...Array.from({ length: 5 }, () => frame(CONTINUATION, 0, 1, "x".repeat(16_000))),
      ],
    ],
    "headers that mean nothing": [
      9,
      "there is no header field 70",
      [frame(HEADERS, END_HEADERS, 1, "\xc6")],
    ],
    "padding only": [1, "a frame is padding only", [frame(DATA, PADDED, 1, "\x04abc")]],
    "too much room": [3, "a window is too large", [numberFrame(WINDOW ?? 0, 0, 2 ** 31 - 1)]],
    "too much room on a stream": [
      3,
      "a window is too large",
      [numberFrame(WINDOW ?? 0, 1, 2 ** 31 - 1)],
    ],
    "too much room for all streams": [3, "a window is too large", [setting(4, 2 ** 31)]],
    "more than it may": [
      3,
      "it sends more than it may",
      Array.from({ length: 65 }, () => frame(DATA, 0, 1, "x".repeat(16_384))),
    ],
  };
  for (const [what, [code, reason, frames]] of Object.entries(FAULTS)) {
    test(`ends when it is sent ${what}`, async () => {
      const scene = await opened();
      const heard = new Heard();
      scene.session.request(REQUEST, Buffer.from("?"), heard);
      scene.say(...frames);
      await scene.hears(`closed: ${reason}`);
      expect(heard.events.at(-1)).toBe(`broken: ${reason}`);
      expect(scene.sentOf(GOAWAY)).toEqual([[7, 0, 0, number(0) + number(code)]]);
      await waitFor("the socket to be closed", () => scene.isDestroyed);
    });
  }

  test("ends when the other side does not speak HTTP/2", async () => {
    const scene = new Scene();
    scene.say(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await waitFor("the end", () => scene.told.length > 0);
    expect(scene.told[0]).toMatch(/^closed: a frame has \d+ bytes$/);
    const other = new Scene();
    other.say(frame(PING, 0, 0, "12345678"));
    await other.hears("closed: it does not speak HTTP/2");
  });

  test("leaves who asks on and on, and reads no replies", async () => {
    const scene = await opened({ reads: false });
    const pings = Array.from({ length: 10_000 }, () => frame(PING, 0, 0, "12345678"));
    for (let round = 0; round < 7; round += 1) scene.say(...pings);
    await scene.hears("closed: it asks, and does not read the replies");
    await waitFor("the socket to be closed", () => scene.isDestroyed);
  });
});
