import { describe, expect, spyOn, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { bytesIn } from "../../tests/fixtures/handlers.ts";
import { KEY, LOGIN, SessionKit, told } from "../../tests/fixtures/session.ts";
import type { SessionKitOptions } from "../../tests/fixtures/session.ts";
import { backend, everySplit, frontend, opening } from "../../tests/fixtures/wire/index.ts";
import { terminate } from "../hooks/index.ts";

const STARTUP = opening.startup();

describe("the startup of a session", () => {
  test("reaches the server unchanged wherever it is split", async () => {
    const openings = Buffer.concat([opening.sslRequest(), opening.gssEncRequest(), STARTUP]);
    for (const chunks of everySplit(openings)) {
      const kit = await new SessionKit().start();
      for (const chunk of chunks) {
        kit.client.write(chunk);
        await Promise.resolve();
        await Promise.resolve();
      }
      await settle();
      expect(kit.heard.text).toBe("NN");
      expect(kit.backend.heard.bytes).toEqual(STARTUP);
      await kit.expectClean();
    }
  });

  test("takes along what the client sent behind it", async () => {
    const kit = await new SessionKit().start();
    const query = frontend.query("select 1");
    await kit.say(Buffer.concat([STARTUP, query]));
    expect(kit.backend.heard.bytes).toEqual(Buffer.concat([STARTUP, query]));
    await kit.answer(LOGIN, backend.rows("1"));
    expect(kit.heard.bytes).toEqual(Buffer.concat([LOGIN, backend.rows("1")]));
    await kit.expectClean();
  });

  test("waits for a backend, and goes on when one is free", async () => {
    const kit = new SessionKit();
    kit.session.start();
    await kit.say(STARTUP);
    expect(kit.waiting).toBe(1);
    await kit.fill();
    expect(kit.backend.heard.bytes).toEqual(STARTUP);
    await kit.expectClean();
  });

  test("is shown to handlers behind its SSLRequest, and once, however long a backend takes", async () => {
    const kit = new SessionKit({ pool: { retries: 1 } });
    const seen: Uint8Array[] = [];
    const waiting: (() => void)[] = [];
    kit.on("OnTrafficFromClient", async (payload) => {
      seen.push(bytesIn(payload, "request"));
      await new Promise<void>((resolve) => waiting.push(resolve));
      // It has been answered: what is said of it means nothing.
      return seen.length === 1 ? terminate() : payload;
    });
    kit.session.start();
    await kit.say(opening.sslRequest());
    expect(kit.heard.text).toBe("N");
    await kit.say(STARTUP);
    expect(seen).toEqual([]);
    await kit.fill();
    expect(seen).toEqual([Buffer.from(opening.sslRequest())]);
    waiting[0]?.();
    await settle();
    waiting[1]?.();
    await settle();
    expect(kit.backend.heard.bytes).toEqual(STARTUP);
    kit.backend.connection.close();
    await kit.pass(10);
    expect(seen.slice(1)).toEqual([Buffer.from(STARTUP), Buffer.from(STARTUP)]);
    waiting[2]?.();
    await kit.expectClean();
  });

  test("may be missing behind an SSLRequest, which is shown then before OnClosing", async () => {
    const kit = await new SessionKit().start();
    const seen: unknown[] = [];
    kit.on("OnTrafficFromClient", async ({ request }) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(request);
    });
    kit.on("OnClosing", () => void seen.push("OnClosing"));
    await kit.say(opening.sslRequest());
    kit.client.close();
    await settle();
    expect(seen).toEqual([opening.sslRequest(), "OnClosing"]);
    await kit.expectClean();
  });

  test("refuses bytes stuffed behind an SSLRequest where TLS is on", async () => {
    const kit = await new SessionKit({ tlsMode: "allow" }).start();
    await kit.say(Buffer.concat([opening.sslRequest(), STARTUP]));
    expect(told(kit.heard.bytes)).toBe("E FATAL 08P01");
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("refuses TLS without a word about it where TLS is off", async () => {
    const kit = await new SessionKit().start();
    await kit.say(Uint8Array.of(0x16, 3, 1, 2, 0));
    expect(told(kit.heard.bytes)).toBe("E FATAL 08P01");
    await kit.expectClean();
  });

  test.each([
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "08P01"],
    ["protocol 2.0", opening.startup({}, 0x0002_0000), "0A000"],
    ["an over-long packet", Uint8Array.of(0, 0, 0x30, 0), "54000"],
    ["a packet that is too short", Uint8Array.of(0, 0, 0, 4), "08P01"],
  ])("refuses %s and closes", async (_, bytes, sqlState) => {
    const kit = await new SessionKit().start();
    await kit.say(bytes);
    expect(told(kit.heard.bytes)).toBe(`E FATAL ${sqlState}`);
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test.each([
    ["there are too many clients", { admission: "overLimit" }, "53300"],
    ["TLS is required", { tlsMode: "require" }, "28000"],
  ] satisfies readonly (readonly [string, SessionKitOptions, string])[])(
    "is refused only after its StartupMessage when %s",
    async (_, options, sqlState) => {
      const kit = new SessionKit(options);
      await kit.start();
      await kit.say(opening.gssEncRequest());
      expect(kit.heard.text).toBe("N");
      kit.heard.take();
      await kit.say(STARTUP);
      expect(told(kit.heard.bytes)).toBe(`E FATAL ${sqlState}`);
      expect(kit.heard.hasEnded).toBe(true);
      await kit.expectClean();
    },
  );

  test("is refused when no backend is free in time, after its StartupMessage only", async () => {
    for (const startupFirst of [true, false]) {
      const kit = new SessionKit({ pool: { queueTimeoutMs: 1_000 } });
      kit.session.start();
      if (startupFirst) await kit.say(STARTUP);
      await kit.pass(1_010);
      if (!startupFirst) {
        expect(kit.heard.text).toBe("");
        await kit.say(STARTUP);
      }
      expect(told(kit.heard.bytes)).toBe("E FATAL 53300");
      await kit.expectClean();
    }
  });

  test("ends without a word when the client is silent for too long", async () => {
    const kit = await new SessionKit({ limits: { startupTimeoutMs: 1_000 } }).start();
    await kit.say(STARTUP.subarray(0, 10));
    await kit.pass(990);
    expect(kit.heard.hasEnded).toBe(false);
    await kit.pass(20);
    expect([kit.heard.text, kit.heard.hasEnded]).toEqual(["", true]);
    await kit.expectClean();
  });

  test("may take its time in the queue, but not in the login", async () => {
    const kit = new SessionKit({ limits: { startupTimeoutMs: 1_000 } });
    kit.session.start();
    await kit.say(STARTUP);
    await kit.pass(60_000);
    expect(kit.waiting).toBe(1);
    await kit.fill();
    await kit.answer(backend.authentication(5, new Uint8Array(4)));
    kit.heard.take();
    await kit.pass(1_010);
    expect(told(kit.heard.bytes)).toBe("E FATAL 08P01");
    await kit.expectClean();
  });

  test.each([
    ["a startup", STARTUP],
    ["a CancelRequest", opening.cancelRequest(KEY)],
    ["what is no startup", Buffer.from("GET / HTTP/1.1")],
  ])("ends once though %s comes while OnClosing runs", async (_, bytes) => {
    const kit = await new SessionKit({ limits: { startupTimeoutMs: 1_000 } }).start();
    const closings: (() => void)[] = [];
    kit.on("OnClosing", async () => {
      await new Promise<void>((resolve) => closings.push(resolve));
    });
    let cancels = 0;
    const target = { cancel: async () => void cancels++ };
    const name = kit.cancelKeys.add(KEY, target);
    await kit.pass(1_010);
    await kit.say(bytes);
    for (const close of closings) close();
    await settle();
    expect([closings.length, cancels, kit.heard.text]).toEqual([1, 0, ""]);
    kit.cancelKeys.remove(name, target);
    await kit.expectClean();
  });

  test("is not tried again for a client that has ended", async () => {
    const kit = await new SessionKit().start();
    kit.server.isStubborn = true;
    await kit.say(STARTUP);
    kit.client.shutdown();
    await settle();
    await kit.answer(backend.error("57P03", "FATAL"));
    kit.server.isStubborn = false;
    kit.backend.connection.close();
    await kit.pass(210);
    expect([told(kit.heard.bytes), kit.endings]).toEqual(["E FATAL 57P03", 1]);
    await kit.expectClean();
  });

  test.each([
    ["a CancelRequest", opening.cancelRequest(KEY), 1],
    ["a startup", STARTUP, 0],
    ["half a packet", STARTUP.subarray(0, 6), 0],
  ])("reads %s though its end comes while OnOpening runs", async (_, bytes, expected) => {
    const kit = new SessionKit();
    await kit.fill();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    kit.on("OnOpening", () => promise);
    let cancels = 0;
    const target = { cancel: async () => void cancels++ };
    const name = kit.cancelKeys.add(KEY, target);
    kit.session.start();
    await kit.say(bytes);
    kit.client.shutdown();
    await settle();
    resolve(undefined);
    await settle();
    expect([cancels, kit.heard.text, kit.endings]).toEqual([expected, "", 1]);
    kit.cancelKeys.remove(name, target);
    await kit.expectClean();
  });

  test("leaves the queue when the client leaves", async () => {
    const kit = new SessionKit();
    kit.session.start();
    await kit.say(STARTUP);
    kit.client.close();
    await settle();
    expect(kit.endings).toBe(1);
    await kit.expectClean();
  });

  test("gives an unused backend back as it is", async () => {
    const kit = await new SessionKit().start();
    kit.client.terminate();
    await settle();
    expect(kit.server.dials).toBe(1);
    await kit.expectClean();
  });

  test("goes to a fresh backend when the server drops the first before its first byte", async () => {
    const kit = await new SessionKit({ pool: { size: 3, retries: 0 } }).start();
    const query = frontend.query("select 1");
    await kit.say(Buffer.concat([STARTUP, query]));
    const waitedTooLong = [...kit.server.ends];
    kit.backend.connection.close();
    await kit.pass(500);
    expect(waitedTooLong.map(({ connection }) => connection.isOpen)).toEqual([false, false, false]);
    expect(waitedTooLong.map(({ heard }) => heard.byteLength > 0)).toEqual([false, false, true]);
    expect(kit.backend.heard.bytes).toEqual(Buffer.concat([STARTUP, query]));
    expect([kit.server.dials, kit.heard.text]).toEqual([4, ""]);
    await kit.answer(LOGIN);
    expect(kit.heard.bytes).toEqual(LOGIN);
    await kit.expectClean();
  });

  test("goes to a fresh backend when the server is still starting", async () => {
    const kit = await new SessionKit({ pool: { size: 3 } }).start();
    await kit.say(STARTUP);
    await kit.answer(backend.error("57P03", "FATAL"));
    await kit.pass(210);
    expect(kit.server.dials).toBe(4);
    expect([kit.server.open.length, kit.heard.text]).toEqual([1, ""]);
    expect(kit.backend.heard.bytes).toEqual(STARTUP);
    await kit.expectClean();
  });

  test("gives up when the server drops one fresh backend after the other", async () => {
    const kit = await new SessionKit({ pool: { retries: 2 } }).start();
    await kit.say(STARTUP);
    for (let drop = 0; drop < 4; drop++) {
      expect(kit.heard.text).toBe("");
      kit.backend.connection.close();
      await kit.pass(500);
    }
    expect(told(kit.heard.bytes)).toBe("E FATAL 08001");
    expect(kit.server.dials).toBe(4);
    await kit.expectClean();
  });

  test("ends with an error when its backend cannot be joined", async () => {
    const kit = new SessionKit();
    kit.session.start();
    await kit.say(STARTUP);
    spyOn(kit.gatewayEnd, "resume").mockImplementationOnce(() => {
      throw new Error("boom");
    });
    await kit.fill();
    expect(told(kit.heard.bytes)).toBe("E FATAL XX000");
    await kit.expectClean();
  });

  test("passes on what the server says against it", async () => {
    const kit = await new SessionKit().start();
    await kit.say(STARTUP);
    const refusal = backend.error("28P01", "FATAL");
    await kit.answer(refusal);
    kit.backend.connection.close();
    await settle();
    expect(kit.heard.bytes).toEqual(refusal);
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("learns the true address of the client from a PROXY header", async () => {
    const kit = await new SessionKit({ proxyProtocol: "required" }).start();
    const header = Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 8080 5432\r\n");
    for (const byte of Buffer.concat([header, STARTUP])) kit.client.write(Uint8Array.of(byte));
    await settle();
    expect(kit.session.remoteAddress).toBe("192.0.2.7:8080");
    expect(kit.backend.heard.bytes).toEqual(STARTUP);
    await kit.expectClean();
  });

  test("ends without a word when a PROXY header is required and missing", async () => {
    const kit = await new SessionKit({ proxyProtocol: "required" }).start();
    await kit.say(STARTUP);
    expect([kit.heard.text, kit.heard.hasEnded]).toEqual(["", true]);
    await kit.expectClean();
  });

  test("ends at once for a CancelRequest of a key that nobody has", async () => {
    const kit = await new SessionKit().start();
    await kit.say(opening.cancelRequest(KEY));
    expect([kit.heard.text, kit.heard.hasEnded]).toEqual(["", true]);
    expect(kit.backend.heard.byteLength).toBe(0);
    await kit.expectClean();
  });

  test("cancels for a CancelRequest, on no backend of the pool", async () => {
    const kit = await new SessionKit().start();
    let cancels = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const target = { cancel: () => (cancels++, promise) };
    const name = kit.cancelKeys.add(KEY, target);
    await kit.say(opening.cancelRequest(KEY));
    expect([cancels, kit.heard.hasEnded]).toEqual([1, false]);
    expect(kit.released).toEqual([]);
    resolve();
    await settle();
    expect(kit.heard.hasEnded).toBe(true);
    expect(kit.server.dials).toBe(1);
    kit.cancelKeys.remove(name, target);
    await kit.expectClean();
    expect(kit.released).toEqual(["exempt"]);
  });
});
