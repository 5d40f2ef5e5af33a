import { describe, expect, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { memoryPair } from "../net/index.ts";
import { Backend } from "./index.ts";

function setUp() {
  const [connection, server] = memoryPair();
  const address = { kind: "tcp", host: "127.0.0.1", port: 5432 } as const;
  const backend = new Backend({ connection, address }, 1_000);
  const heard = new Recorder();
  server.handler = heard;
  let losses = 0;
  return {
    backend,
    server,
    heard,
    watch: () => backend.watch(() => losses++),
    losses: () => losses,
  };
}

describe("an idle backend", () => {
  test.each(["close", "shutdown", "terminate"] as const)(
    "reports its loss once when the server says %s",
    async (way) => {
      const { backend, server, watch, losses } = setUp();
      watch();
      server[way]();
      await settle();
      expect([losses(), backend.connection.isOpen]).toEqual([1, false]);
    },
  );

  test("keeps what the server says unasked for the one who leases it", async () => {
    const { backend, server, watch } = setUp();
    watch();
    server.write(Buffer.from("220 "));
    server.write(Buffer.from("ready"));
    await settle();
    const session = new Recorder();
    backend.take(session);
    expect(session.text).toBe("220 ready");
    server.write(Buffer.from("!"));
    await settle();
    expect(session.text).toBe("220 ready!");
  });

  test("does not keep more than it should of a server that talks on", async () => {
    const { backend, server, watch } = setUp();
    watch();
    const chunk = new Uint8Array(16 * 1024);
    for (let index = 0; index < 20; index++) {
      server.write(chunk);
      await settle();
    }
    const session = new Recorder();
    backend.take(session);
    expect(session.byteLength).toBe(5 * chunk.length);
    await settle();
    expect(session.byteLength).toBe(20 * chunk.length);
  });

  test("is not reported as lost once it is leased", async () => {
    const { backend, server, watch, losses } = setUp();
    watch();
    const session = new Recorder();
    backend.take(session);
    server.close();
    await settle();
    expect(session.hasEnded).toBe(true);
    expect(losses()).toBe(0);
  });
});

describe("a retired backend", () => {
  test("is gone when the server has let go", async () => {
    const { backend, server, heard } = setUp();
    let isGone = false;
    backend.connection.write(Buffer.from("last words"));
    backend.retire(() => {
      isGone = true;
    });
    await settle();
    expect([heard.text, heard.hasEnded, isGone]).toEqual(["last words", true, false]);
    server.close();
    await settle();
    expect(isGone).toBe(true);
  });

  test("is gone at once when its connection is closed already", () => {
    const { backend } = setUp();
    backend.connection.terminate();
    let isGone = false;
    backend.retire(() => {
      isGone = true;
    });
    expect(isGone).toBe(true);
  });
});
