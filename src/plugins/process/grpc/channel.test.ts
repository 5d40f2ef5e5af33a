import { createClient, Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "bun:test";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { waitFor } from "../../../../tests/kit/index.ts";
import { GRPCStdio, Health } from "../../../rpc/index.ts";
import { Channel } from "./channel.ts";
import { MessageStream } from "./message-stream.ts";
import { createTransport } from "./transport.ts";
import type { UnaryRequest } from "./unary-call.ts";
import { callHeaders, PREFIX_BYTES, writePrefix } from "./wire.ts";

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A server of bare HTTP/2 and a channel to it: what is gRPC about it, each test says byte by byte. */
class Scene implements AsyncDisposable {
  readonly server: Http2Server;
  readonly channel: Channel;
  readonly sessions = new Set<ServerHttp2Session>();
  dials = 0;
  onStream: OnStream = (stream) => stream.close();

  constructor(settings: { maxConcurrentStreams?: number } = {}, lastStreamId?: number) {
    this.server = createServer({ settings });
    this.server.on("session", (session) => {
      this.sessions.add(session);
      session.on("close", () => this.sessions.delete(session));
      session.on("error", () => {});
    });
    this.server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => {});
      this.onStream(stream, headers);
    });
    this.channel = new Channel({
      ...(lastStreamId !== undefined && { lastStreamId }),
      dial: async (): Promise<Socket> => {
        this.dials += 1;
        const address = this.server.address();
        const port = typeof address === "object" && address !== null ? address.port : 1;
        const socket = connect(port, "127.0.0.1");
        await once(socket, "connect");
        return socket;
      },
    });
  }

  async listen(): Promise<this> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return this;
  }

  call(text: string, options: Partial<UnaryRequest> = {}, signal?: AbortSignal): Promise<string> {
    const frame = Buffer.concat([Buffer.alloc(PREFIX_BYTES), Buffer.from(text)]);
    writePrefix(frame);
    const timeoutMs = options.timeoutMs ?? 10_000;
    const headers = callHeaders("/test.Service/Call", timeoutMs);
    const request = { headers, frame, timeoutMs, maxMessageBytes: 1 << 20, ...options };
    return this.channel.unary(request, signal).then(({ message }) => message.toString());
  }

  /** Opens a stream from the server. */
  stream(): ReturnType<Channel["stream"]> {
    const headers = callHeaders("/test.Service/Stream", 0);
    const messages = new MessageStream(1 << 20, () => {});
    return this.channel.stream({ headers, frame: framed("") }, messages);
  }

  /** Heeds the answer at once, so that no failure goes unheard. */
  async failureOf(answer: Promise<unknown>): Promise<ConnectError> {
    try {
      await answer;
    } catch (error) {
      if (error instanceof ConnectError) return error;
      throw error;
    }
    throw new Error("no failure");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.close(new ConnectError("the test is over", Code.Canceled));
    for (const session of this.sessions) session.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const scenes: Scene[] = [];

async function scene(
  settings: { maxConcurrentStreams?: number } = {},
  lastStreamId?: number,
): Promise<Scene> {
  const made = await new Scene(settings, lastStreamId).listen();
  scenes.push(made);
  return made;
}

afterEach(async () => {
  for (const made of scenes.splice(0)) await made[Symbol.asyncDispose]();
});

function framed(text: string): Buffer {
  const frame = Buffer.concat([Buffer.alloc(PREFIX_BYTES), Buffer.from(text)]);
  writePrefix(frame);
  return frame;
}

const ANSWER = { ":status": 200, "content-type": "application/grpc" };

/** Answers with some frames, then these trailers. */
function answer(
  stream: ServerHttp2Stream,
  frames: readonly Uint8Array[],
  trailers: Readonly<Record<string, string>> = { "grpc-status": "0" },
): void {
  stream.respond(ANSWER, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  for (const frame of frames) stream.write(frame);
  stream.end();
}

/** Answers with what was sent. */
const echo: OnStream = (stream) => {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => answer(stream, [Buffer.concat(chunks)]));
};

describe("a call", () => {
  test("sends its message and headers, and gets its answer", async () => {
    const { call } = bound(await scene(), (stream, headers) => {
      expect(headers).toMatchObject({
        ":method": "POST",
        ":path": "/test.Service/Call",
        "content-type": "application/grpc+proto",
        te: "trailers",
        "grpc-timeout": "10000m",
      });
      echo(stream, headers);
    });
    expect(await call("hello")).toBe("hello");
    expect(await call("")).toBe("");
  });

  test("gets an answer whole that comes in pieces of any size", async () => {
    const text = "x".repeat(3000);
    const { call } = bound(await scene(), (stream) => {
      const frame = framed(text);
      const sizes = [1, 2, 1, 1, 1, 500];
      let at = 0;
      const frames = sizes.map((size) => frame.subarray(at, (at += size)));
      answer(stream, [...frames, frame.subarray(at)]);
    });
    expect(await call("?")).toBe(text);
  });

  test("carries megabytes both ways", async () => {
    const { call } = bound(await scene(), echo);
    const text = "0123456789abcdef".repeat(1 << 18);
    expect(await call(text, { maxMessageBytes: 8 << 20 })).toBe(text);
  });

  test("fails with the status and message of its trailers", async () => {
    const { failure } = bound(await scene(), (stream) => {
      const trailers = { "grpc-status": "9", "grpc-message": "not%20now %C3%A4" };
      answer(stream, [], trailers);
    });
    expect(await failure("?")).toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: "not now ä",
    });
  });

  test("fails with a status that comes without anything else", async () => {
    const { failure } = bound(await scene(), (stream) => {
      const status = { "grpc-status": "12", "grpc-message": "100 % unknown" };
      stream.respond({ ...ANSWER, ...status }, { endStream: true });
    });
    expect(await failure("?")).toMatchObject({
      code: Code.Unimplemented,
      rawMessage: "100 % unknown",
    });
  });

  const NO_ANSWERS: Readonly<Record<string, { code: Code; onStream: OnStream }>> = {
    "is not gRPC": {
      code: Code.Unavailable,
      onStream: (stream) => {
        stream.respond({ ":status": 503, "content-type": "text/html" });
        stream.end("<p>busy</p>");
      },
    },
    "has no status": {
      code: Code.Unknown,
      onStream: (stream) => answer(stream, [framed("a")], { "x-other": "1" }),
    },
    "has a status that is none": {
      code: Code.Unknown,
      onStream: (stream) => answer(stream, [framed("a")], { "grpc-status": "77" }),
    },
    "has no message": { code: Code.Internal, onStream: (stream) => answer(stream, []) },
    "has two messages": {
      code: Code.Internal,
      onStream: (stream) => answer(stream, [Buffer.concat([framed("a"), framed("b")])]),
    },
    "is compressed": {
      code: Code.Internal,
      onStream: (stream) => answer(stream, [Buffer.from([1, 0, 0, 0, 1, 0])]),
    },
    "is too long": {
      code: Code.ResourceExhausted,
      onStream: (stream) => answer(stream, [Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0])]),
    },
    "is refused": { code: Code.Unavailable, onStream: (stream) => stream.close(7) },
    "is reset": { code: Code.Unavailable, onStream: (stream) => stream.close(2) },
  };
  for (const [what, { code, onStream }] of Object.entries(NO_ANSWERS)) {
    test(`whose answer ${what} fails`, async () => {
      const { call, failure } = bound(await scene(), onStream);
      expect((await failure("?")).code).toBe(code);
      // And the session is as good as before.
      const { channel } = scenes.at(-1) ?? {};
      const [made] = scenes;
      if (made !== undefined) made.onStream = echo;
      expect(channel).toBeDefined();
      expect(await call("again")).toBe("again");
      expect(made?.dials).toBe(1);
    });
  }

  test("fails at its deadline, and the server is told", async () => {
    const made = await scene();
    let resetWith: number | undefined;
    const { failure } = bound(made, (stream) => {
      stream.on("close", () => {
        resetWith = stream.rstCode;
      });
      stream.resume();
    });
    expect(await failure("?", { timeoutMs: 50 })).toMatchObject({
      code: Code.DeadlineExceeded,
      rawMessage: "no answer within 50 ms",
    });
    await waitFor("the reset", () => resetWith === 8);
  });

  test.each([
    [2 ** 31, "2147484S"],
    [1e15, "99999999S"],
  ])("with a deadline of %d ms is waited for", async (timeoutMs, header) => {
    const { call } = bound(await scene(), (stream, headers) => {
      expect(headers["grpc-timeout"]).toBe(header);
      setTimeout(() => echo(stream, headers), 20);
    });
    expect(await call("?", { timeoutMs, headers: callHeaders("/a/b", timeoutMs) })).toBe("?");
  });

  test("can be given up, before and after it was sent", async () => {
    const made = await scene();
    const { failure } = bound(made, () => {});
    const controller = new AbortController();
    const pending = failure("?", {}, controller.signal);
    controller.abort();
    expect((await pending).code).toBe(Code.Canceled);
    expect((await failure("?", {}, controller.signal)).code).toBe(Code.Canceled);
  });
});

describe("a channel", () => {
  test("has many calls under way, and answers find their calls", async () => {
    const { call } = bound(await scene(), (stream) => {
      const delayed = (): void => echo(stream, {});
      setTimeout(delayed, Math.random() * 20);
    });
    const texts = Array.from({ length: 300 }, (_, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => call(text)))).toEqual(texts);
    expect(scenes[0]?.dials).toBe(1);
  });

  test("is waited for until it has its answer", async () => {
    const { promise: gate, resolve } = Promise.withResolvers<void>();
    const made = await scene();
    const { call } = bound(made, (stream, headers) => void gate.then(() => echo(stream, headers)));
    await made.channel.idle();
    let isIdle = false;
    const answered = call("slow");
    const idle = made.channel.idle().then(() => {
      isIdle = true;
    });
    await waitFor("the call to be under way", () => made.sessions.size > 0);
    expect(isIdle).toBe(false);
    resolve();
    expect(await answered).toBe("slow");
    await idle;
  });

  test("counts the calls that have no answer, and those that had one", async () => {
    const made = await scene();
    const { call, failure } = bound(made, echo);
    await call("?");
    made.onStream = (stream) => answer(stream, [], { "grpc-status": "9" });
    await failure("?");
    made.onStream = () => {};
    const unanswered = failure("?", { timeoutMs: 50 });
    expect([made.channel.callsUnderWay, made.channel.callsAnswered]).toEqual([1, 2]);
    await unanswered;
    expect([made.channel.callsUnderWay, made.channel.callsAnswered]).toEqual([0, 2]);
  });

  test("has no more calls under way than the server takes", async () => {
    let open = 0;
    let most = 0;
    const { call } = bound(await scene({ maxConcurrentStreams: 3 }), (stream, headers) => {
      open += 1;
      most = Math.max(most, open);
      stream.on("close", () => {
        open -= 1;
      });
      setTimeout(() => echo(stream, headers), 2);
    });
    const texts = Array.from({ length: 40 }, (_, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => call(text)))).toEqual(texts);
    expect(most).toBe(3);
  });

  test("fails what is under way when the connection is lost, and dials for the next call", async () => {
    const made = await scene();
    const { call, failure } = bound(made, () => {});
    const pending = [failure("a"), failure("b")];
    await waitFor("the session", () => made.sessions.size === 1);
    await waitFor("the calls to be sent", () => made.dials === 1);
    for (const session of made.sessions) session.destroy();
    for (const failed of await Promise.all(pending)) {
      expect([Code.Unavailable, Code.Canceled, Code.Internal]).toContain(failed.code);
    }
    made.onStream = echo;
    expect(await call("again")).toBe("again");
    expect(made.dials).toBe(2);
  });

  test("lets the calls end that a GOAWAY finds under way, and sends the next ones elsewhere", async () => {
    const made = await scene();
    const { call } = bound(made, (stream, headers) => {
      if (stream.id === 3) stream.session?.goaway(0, stream.id);
      setTimeout(() => echo(stream, headers), 20);
    });
    expect(await Promise.all([call("a"), call("b")])).toEqual(["a", "b"]);
    await waitFor("the session to end", () => made.sessions.size === 0);
    expect(await call("c")).toBe("c");
    expect(made.dials).toBeGreaterThan(1);
  });

  test("opens a new session when one has no numbers left, without losing a call", async () => {
    const made = await scene({}, 7);
    const { call } = bound(made, (stream, headers) => {
      setTimeout(() => echo(stream, headers), Math.random() * 5);
    });
    const texts = Array.from({ length: 22 }, (_, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => call(text)))).toEqual(texts);
    // Four calls each: 1, 3, 5 and 7.
    expect(made.dials).toBe(6);
    await waitFor("the sessions to end", () => made.sessions.size === 1);
  });

  test("ends the streams of a session that it leaves, after the last call", async () => {
    const made = await scene();
    let resetWith: number | undefined;
    const { call } = bound(made, (stream, headers) => {
      if (headers[":path"] === "/test.Service/Stream") {
        stream.on("close", () => {
          resetWith = stream.rstCode;
        });
        stream.respond(ANSWER);
        return;
      }
      stream.session?.goaway(0, stream.id);
      setTimeout(() => echo(stream, headers), 20);
    });
    await made.stream();
    expect(await call("a")).toBe("a");
    await waitFor("the session to end", () => made.sessions.size === 0);
    expect(resetWith).toBe(8);
  });

  test("tells of each new session", async () => {
    const made = await scene();
    const { call, failure } = bound(made, () => {});
    const pending = failure("a");
    await waitFor("the session", () => made.sessions.size === 1);
    await made.channel.connected();
    let told = 0;
    made.channel.eachSession(() => {
      told += 1;
    });
    expect(told).toBe(1);
    for (const session of made.sessions) session.destroy();
    await pending;
    made.onStream = echo;
    await call("b");
    await call("c");
    expect([told, made.dials]).toEqual([2, 2]);
  });

  test("counts streams among what the server takes, and opens none that leaves no room for calls", async () => {
    let open = 0;
    let most = 0;
    const onStream: OnStream = (stream, headers) => {
      open += 1;
      most = Math.max(most, open);
      stream.on("close", () => {
        open -= 1;
      });
      if (headers[":path"] !== "/test.Service/Stream") setTimeout(() => echo(stream, headers), 2);
    };
    const two = await scene({ maxConcurrentStreams: 2 });
    const { call } = bound(two, onStream);
    await two.stream();
    const texts = Array.from({ length: 10 }, (_, index) => `call ${index}`);
    expect(await Promise.all(texts.map((text) => call(text)))).toEqual(texts);
    expect(most).toBe(2);
    const one = await scene({ maxConcurrentStreams: 1 });
    one.onStream = echo;
    const failure = await one.failureOf(one.stream());
    expect(failure.code).toBe(Code.ResourceExhausted);
    expect(await one.call("?")).toBe("?");
  });

  test("that finds nobody fails the call with the reason", async () => {
    const made = new Scene();
    expect((await made.failureOf(made.call("?"))).message).toContain("ECONNREFUSED");
    expect((await made.failureOf(made.channel.connected())).message).toContain("ECONNREFUSED");
    await made.listen();
    scenes.push(made);
    made.onStream = echo;
    await made.channel.connected();
    expect(await made.call("now")).toBe("now");
  });

  test("that is closed fails every call with the reason, those under way too", async () => {
    const made = await scene();
    const { failure } = bound(made, () => {});
    const pending = failure("a");
    await made.channel.connected();
    made.channel.close(new ConnectError("it is over", Code.Aborted));
    expect(await pending).toMatchObject({ code: Code.Aborted, rawMessage: "it is over" });
    expect((await failure("b")).rawMessage).toBe("it is over");
    await waitFor("the session to end", () => made.sessions.size === 0);
  });
});

describe("a transport", () => {
  test("serves Connect's clients", async () => {
    const made = await scene();
    made.onStream = (stream) => answer(stream, [framed("\x08\x01")]);
    const client = createClient(Health, createTransport(made.channel, 1 << 20));
    expect((await client.check({ service: "plugin" })).status).toBe(1);
  });

  test("streams messages from the server, however they are cut, and ends with its status", async () => {
    const made = await scene();
    const messages = Buffer.concat([framed("\x08\x01\x12\x01a"), framed("\x08\x02\x12\x02bc")]);
    made.onStream = (stream) => answer(stream, [messages.subarray(0, 7), messages.subarray(7)]);
    const client = createClient(GRPCStdio, createTransport(made.channel, 1 << 20));
    const seen: string[] = [];
    for await (const { channel, data } of client.streamStdio({})) {
      seen.push(`${channel} ${Buffer.from(data).toString()}`);
    }
    expect(seen).toEqual(["1 a", "2 bc"]);
    made.onStream = (stream) => answer(stream, [], { "grpc-status": "12" });
    const failing = async (): Promise<void> => {
      for await (const _ of client.streamStdio({}));
    };
    expect((await made.failureOf(failing())).code).toBe(Code.Unimplemented);
  });

  test("ends a stream that nobody wants any more", async () => {
    const made = await scene();
    let hasClosed = false;
    made.onStream = (stream) => {
      stream.on("close", () => {
        hasClosed = true;
      });
      stream.respond(ANSWER);
      stream.write(framed("\x08\x01"));
    };
    const client = createClient(GRPCStdio, createTransport(made.channel, 1 << 20));
    const controller = new AbortController();
    const seen: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const { channel } of client.streamStdio({}, { signal: controller.signal })) {
        seen.push(channel);
        controller.abort();
      }
    };
    await made.failureOf(reading());
    expect(seen).toEqual([1]);
    await waitFor("the stream to be closed", () => hasClosed);
  });
});

/** The scene with a server that does this, and its calls. */
function bound(made: Scene, onStream: OnStream) {
  made.onStream = onStream;
  type Arguments = Parameters<Scene["call"]>;
  return {
    call: (...args: Arguments) => made.call(...args),
    failure: (...args: Arguments) => made.failureOf(made.call(...args)),
  };
}
