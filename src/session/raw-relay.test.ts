import { describe, expect, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { SessionKit } from "../../tests/fixtures/session.ts";
import type { SessionKitOptions } from "../../tests/fixtures/session.ts";
import { everySplit } from "../../tests/fixtures/wire/index.ts";
import { terminate } from "../hooks/index.ts";

const raw = { protocol: "raw" } as const;
const bytesOf = (text: string): Buffer => Buffer.from(text);

describe("the raw relay", () => {
  test("carries any bytes both ways, wherever they are split", async () => {
    const kit = await new SessionKit(raw).start();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    for (const chunks of everySplit(bytes)) {
      await kit.say(...chunks);
      await kit.answer(...chunks);
      expect(kit.backend.heard.take()).toEqual(Buffer.from(bytes));
      expect(kit.heard.take()).toEqual(Buffer.from(bytes));
    }
    await kit.expectClean();
  });

  test("lets the server speak first, also before its client comes", async () => {
    const kit = new SessionKit(raw);
    await kit.fill();
    await kit.answer(bytesOf("220 "));
    kit.session.start();
    await kit.answer(bytesOf("ready"));
    expect(kit.heard.text).toBe("220 ready");
    await kit.expectClean();
  });

  test("keeps a client that waits longer than a startup may take", async () => {
    const kit = new SessionKit({ ...raw, limits: { startupTimeoutMs: 1_000 } });
    kit.session.start();
    await kit.pass(60_000);
    expect(kit.client.isOpen).toBe(true);
    await kit.fill();
    await kit.say(bytesOf("hello"));
    expect(kit.backend.heard.text).toBe("hello");
    await kit.expectClean();
  });

  test("passes on the end of the client, and then the answer", async () => {
    const kit = await new SessionKit(raw).start();
    kit.server.isStubborn = true;
    await kit.say(bytesOf("question"));
    kit.client.shutdown();
    await settle();
    const { heard, connection } = kit.backend;
    expect([heard.text, heard.hasEnded]).toEqual(["question", true]);
    await kit.answer(bytesOf("answer"));
    expect(kit.heard.text).toBe("answer");
    kit.server.isStubborn = false;
    connection.close();
    await settle();
    expect(kit.heard.hasClosed).toBe(true);
    await kit.expectClean();
  });

  test("passes on the end of the server, and then what the client still says", async () => {
    const kit = await new SessionKit(raw).start();
    const { heard, connection } = kit.backend;
    connection.write(bytesOf("goodbye"));
    connection.shutdown();
    await settle();
    expect([kit.heard.text, kit.heard.hasEnded]).toEqual(["goodbye", true]);
    await kit.say(bytesOf("thanks"));
    expect(heard.text).toBe("thanks");
    kit.client.shutdown();
    await settle();
    expect(connection.isOpen).toBe(false);
    await kit.expectClean();
  });

  test("keeps for the server what a client said before it ended", async () => {
    const kit = new SessionKit(raw);
    kit.session.start();
    kit.client.write(bytesOf("all of it"));
    kit.client.shutdown();
    await settle();
    await kit.fill();
    await settle();
    const end = kit.server.ends[0];
    expect(end?.heard.text).toBe("all of it");
    expect(end?.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test.each(["client", "server"] as const)("ends when the %s is lost", async (side) => {
    const kit = await new SessionKit(raw).start();
    const first = kit.backend;
    await kit.say(bytesOf("x"));
    if (side === "client") kit.client.terminate();
    else first.connection.terminate();
    await settle();
    expect(first.connection.isOpen).toBe(false);
    expect(kit.heard.hasEnded || kit.heard.hasClosed).toBe(true);
    await kit.expectClean();
  });

  test("ends without a word when nothing happens for too long", async () => {
    const kit = await new SessionKit({ ...raw, limits: { idleTimeoutMs: 1_000 } }).start();
    await kit.pass(900);
    await kit.say(bytesOf("x"));
    await kit.pass(900);
    await kit.answer(bytesOf("y"));
    await kit.pass(900);
    expect(kit.heard.hasEnded).toBe(false);
    await kit.pass(200);
    expect([kit.heard.text, kit.heard.hasEnded]).toEqual(["y", true]);
    await kit.expectClean();
  });

  test("is refused without a word when there are too many clients", async () => {
    const kit = await new SessionKit({ ...raw, admission: "overLimit" }).start();
    expect([kit.heard.text, kit.heard.hasEnded]).toEqual(["", true]);
    await kit.expectClean();
  });

  test("goes through handlers, in order, and rewritten", async () => {
    const kit = await new SessionKit(raw).start();
    kit.on("OnTrafficFromClient", async ({ request }) => ({
      request: bytesOf(`<${Buffer.from(request as Uint8Array).toString()}>`),
    }));
    kit.on("OnTrafficFromServer", ({ response }) => ({
      response: bytesOf(
        Buffer.from(response as Uint8Array)
          .toString()
          .toUpperCase(),
      ),
    }));
    await kit.say(bytesOf("a"), bytesOf("b"));
    expect(kit.backend.heard.text).toBe("<a><b>");
    await kit.answer(bytesOf("c"));
    expect(kit.heard.text).toBe("C");
    await kit.expectClean();
  });

  test("is answered by a handler, or ended by one", async () => {
    const kit = await new SessionKit(raw).start();
    kit.on("OnTrafficFromClient", ({ request }) =>
      Buffer.from(request as Uint8Array).toString() === "ping"
        ? terminate({ response: bytesOf("pong") })
        : terminate(),
    );
    await kit.say(bytesOf("ping"));
    expect([kit.heard.text, kit.backend.heard.text]).toEqual(["pong", ""]);
    await kit.say(bytesOf("other"));
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  describe("with handlers that answer later", () => {
    /** A session whose handlers wait until told to go on. */
    async function withHeldHandlers(options: SessionKitOptions = {}) {
      const kit = await new SessionKit({ ...raw, ...options }).start();
      kit.server.isStubborn = true;
      const waiting: (() => void)[] = [];
      for (const hook of ["OnTrafficFromClient", "OnTrafficFromServer"] as const) {
        kit.on(hook, () => new Promise<void>((resolve) => waiting.push(resolve)));
      }
      const goOn = async (): Promise<void> => {
        waiting.shift()?.();
        await settle();
      };
      return { kit, goOn };
    }

    test("gives a half-closed client all that the server said before it closed", async () => {
      const { kit, goOn } = await withHeldHandlers();
      await kit.say(bytesOf("question"));
      await goOn();
      kit.client.shutdown();
      await settle();
      const { connection, heard } = kit.backend;
      expect([heard.text, heard.hasEnded]).toEqual(["question", true]);
      connection.write(bytesOf("answer"));
      connection.close();
      await settle();
      expect([kit.heard.text, kit.heard.hasClosed]).toEqual(["", false]);
      await goOn();
      expect([kit.heard.text, kit.heard.hasClosed]).toEqual(["answer", true]);
      kit.server.isStubborn = false;
      await kit.expectClean();
    });

    test("gives a half-closed server all that the client said before it closed", async () => {
      const { kit, goOn } = await withHeldHandlers();
      const { connection, heard } = kit.backend;
      connection.shutdown();
      await settle();
      kit.client.write(bytesOf("thanks"));
      kit.client.close();
      await settle();
      expect([heard.text, heard.hasClosed]).toEqual(["", false]);
      await goOn();
      expect([heard.text, heard.hasClosed]).toEqual(["thanks", true]);
      kit.server.isStubborn = false;
      await kit.expectClean();
    });

    test("waits for no handler once both sides are lost", async () => {
      const { kit, goOn } = await withHeldHandlers();
      kit.client.write(bytesOf("question"));
      kit.backend.connection.write(bytesOf("answer"));
      await settle();
      kit.backend.connection.terminate();
      kit.client.terminate();
      await settle();
      expect(kit.released).toHaveLength(1);
      for (let handler = 0; handler < 2; handler++) await goOn();
      kit.server.isStubborn = false;
      await kit.expectClean();
    });

    test("does not call a client idle that waits for them", async () => {
      const { kit, goOn } = await withHeldHandlers({ limits: { idleTimeoutMs: 1_000 } });
      await kit.say(bytesOf("question"));
      await kit.pass(5_000);
      await goOn();
      expect([kit.backend.heard.text, kit.heard.hasEnded]).toEqual(["question", false]);
      await kit.pass(1_100);
      expect(kit.heard.hasEnded).toBe(true);
      kit.server.isStubborn = false;
      kit.backend.connection.close();
      await kit.expectClean();
    });
  });
});
