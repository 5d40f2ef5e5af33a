import { describe, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testNeeding } from "../../tests/kit/index.ts";
import { FdWriter } from "./fd-writer.ts";

/** A descriptor that takes `room` bytes and then says that it is full, and a timer by hand. */
function setUp() {
  const state = {
    room: Number.POSITIVE_INFINITY,
    written: "",
    error: undefined as Error | undefined,
  };
  const retries: (() => void)[] = [];
  const writer = new FdWriter("stderr", 2, {
    writeSync: (_fd, bytes) => {
      if (state.error !== undefined) throw state.error;
      if (state.room === 0) throw Object.assign(new Error("full"), { code: "EAGAIN" });
      const part = bytes.subarray(0, state.room);
      state.room -= part.length;
      state.written += new TextDecoder().decode(part);
      return part.length;
    },
    retryLater: (callback) => retries.push(callback),
  });
  return { state, writer, retries };
}

describe("a text", () => {
  test("is written at once", () => {
    const { state, writer, retries } = setUp();
    writer.write("a\n");
    writer.write("é\n");
    expect(state.written).toBe("a\né\n");
    expect(retries).toEqual([]);
  });

  test("that does not fit goes on where it stopped, before the next", () => {
    const { state, writer, retries } = setUp();
    state.room = 3;
    writer.write("first\n");
    expect(state.written).toBe("fir");
    state.room = 4;
    writer.write("second\n");
    expect(state.written).toBe("first\ns");
    expect(retries).toHaveLength(1);
    state.room = Number.POSITIVE_INFINITY;
    retries[0]?.();
    expect(state.written).toBe("first\nsecond\n");
  });

  test("is tried again and again until it is through", () => {
    const { state, writer, retries } = setUp();
    state.room = 0;
    writer.write("a\n");
    retries.shift()?.();
    expect(state.written).toBe("");
    expect(retries).toHaveLength(1);
    state.room = 10;
    retries.shift()?.();
    expect(state.written).toBe("a\n");
    expect(retries).toEqual([]);
  });

  test("is dropped as a whole when too much is waiting", () => {
    const { state, writer, retries } = setUp();
    state.room = 1;
    const long = `${"x".repeat(1024 * 1024 - 2)}\n`;
    writer.write(long);
    writer.write("dropped\n");
    writer.write("k\n");
    state.room = Number.POSITIVE_INFINITY;
    retries[0]?.();
    writer.write("after\n");
    expect(state.written === `${long}k\nafter\n`).toBe(true);
  });

  test.each(["EPIPE", "EBADF", "ENOSPC"])(
    "that fails with %s is dropped, the next is tried",
    (code) => {
      const { state, writer, retries } = setUp();
      state.error = Object.assign(new Error(code), { code });
      writer.write("lost\n");
      state.error = undefined;
      writer.write("next\n");
      expect(state.written).toBe("next\n");
      expect(retries).toEqual([]);
    },
  );
});

describe("a process with a pipe as its standard error", () => {
  const script = `import { createLogger, createOutputs, LogSinks } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
    const settings = { output: ["console", "stderr"], noColor: false, timeFormat: "", consoleTimeFormat: "RFC3339" };
    const logger = createLogger({ group: "g", level: "info", outputs: createOutputs(settings, new LogSinks(() => {}).of).outputs });
    for (let count = 0; count < 3000; count += 1) logger.info("x".repeat(1000), { count });
    console.log("done");`;

  /** Runs the script with a pipe that nobody reads; `isOpen`: somebody could. */
  async function run(isOpen: boolean) {
    const folder = mkdtempSync(join(tmpdir(), "gatewayd-"));
    const path = join(folder, "pipe");
    Bun.spawnSync(["mkfifo", path]);
    // Opened for both directions: that does not wait for the other side.
    const reader = openSync(path, constants.O_RDWR);
    const stderr = openSync(path, constants.O_WRONLY);
    if (!isOpen) closeSync(reader);
    const child = Bun.spawn([process.execPath, "-e", script], {
      stdio: ["ignore", "pipe", stderr],
      timeout: 10_000,
    });
    closeSync(stderr);
    const output = await new Response(child.stdout).text();
    const exitCode = await child.exited;
    if (isOpen) closeSync(reader);
    rmSync(folder, { recursive: true });
    return { output, exitCode };
  }

  test("is not held up by a reader that does not read", async () => {
    expect(await run(true)).toEqual({ output: "done\n", exitCode: 0 });
  });

  test("survives a reader that is gone", async () => {
    expect(await run(false)).toEqual({ output: "done\n", exitCode: 0 });
  });
});

testNeeding("python3")(
  "a process whose standard error is a socket that nobody reads is not held up",
  async () => {
    const script = `import { fstatSync } from "node:fs";
    import { testNeeding } from "../../tests/kit/index.ts";
import { FdWriter } from ${JSON.stringify(join(import.meta.dir, "fd-writer.ts"))};
    const writer = new FdWriter("stderr", 2);
    for (let count = 0; count < 5000; count += 1) writer.write("x".repeat(999) + "\\n");
    console.log(fstatSync(2).isSocket(), writer.counts.dropped > 0);
    process.exit(0);`;
    using server = Bun.listen({
      unix: join(mkdtempSync(join(tmpdir(), "gatewayd-")), "socket"),
      socket: { open: (socket) => socket.pause(), data: () => {} },
    });
    const { unix: path } = server;
    // A shell has no sockets to hand down; Python does.
    const child = Bun.spawn(
      [
        "python3",
        "-c",
        `import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); os.dup2(s.fileno(), 2)
os.execv(sys.argv[2], sys.argv[2:])`,
        path,
        process.execPath,
        "-e",
        script,
      ],
      { stdio: ["ignore", "pipe", "inherit"], timeout: 10_000 },
    );
    expect(await new Response(child.stdout).text()).toBe("true true\n");
    expect(await child.exited).toBe(0);
  },
);
