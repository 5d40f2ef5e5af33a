import { beforeEach, describe, expect, test } from "bun:test";
import { FakeClock } from "../../../tests/fixtures/fake-clock.ts";
import { settle } from "../../../tests/fixtures/fake-server.ts";
import { parseSecret } from "../secret.ts";
import { UserDirectory } from "./user-directory.ts";
import { UserTable } from "./user-table.ts";
import type { User } from "./user-table.ts";

const LIMITS = { databases: undefined, maxConnections: undefined, validUntilMs: undefined };

function userOf(name: string, stored = "secret"): User {
  return { name, secret: parseSecret(stored), ...LIMITS };
}

/** A server that answers when it is told to. */
class Server {
  readonly clock: FakeClock;
  readonly users = new Map<string, User>();
  readonly asked: string[] = [];
  isDown = false;
  tookMs = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  readonly ask = async (name: string, isStranger: boolean): Promise<User | undefined> => {
    this.asked.push(`${name}${isStranger ? "?" : ""}`);
    await new Promise<void>((resolve) => void this.clock.setTimeout(resolve, this.tookMs));
    if (this.isDown) throw new Error("the server is down");
    return this.users.get(name);
  };
}

let clock: FakeClock;
let server: Server;
let directory: UserDirectory;

beforeEach(() => {
  clock = new FakeClock();
  server = new Server(clock);
  server.users.set("anna", userOf("anna"));
  directory = new UserDirectory({
    table: () => new UserTable([userOf("filed")]),
    ask: server.ask,
    usualMs: () => server.tookMs,
    nowMs: () => clock.now(),
    wait: (ms) => new Promise((resolve) => void clock.setTimeout(resolve, ms)),
  });
});

/** What becomes of a lookup, and after how many milliseconds. */
async function lookup(name: string): Promise<{ name: string; tookMs: number }> {
  const beganMs = clock.now();
  const outcomes: string[] = [];
  Promise.resolve(directory.lookup(name)).then(
    ({ user }) => outcomes.push(user?.name ?? "nobody"),
    (error: Error) => outcomes.push(error.message),
  );
  for (let round = 0; round < 500; round++) {
    await settle();
    const [outcome] = outcomes;
    if (outcome !== undefined) return { name: outcome, tookMs: clock.now() - beganMs };
    clock.advance(0.5);
  }
  throw new Error("no answer");
}

async function nameOf(name: string): Promise<string> {
  return (await lookup(name)).name;
}

describe("a user directory", () => {
  test("without a query answers at once from the file", () => {
    const table = new UserTable([userOf("filed")]);
    const alone = new UserDirectory({
      table: () => table,
      ask: undefined,
      usualMs: () => 0,
      nowMs: () => 0,
      wait: () => Promise.resolve(),
    });
    expect(alone.lookup("filed")).toEqual(table.lookup("filed"));
    expect(alone.lookup("anna")).toEqual(table.lookup("anna"));
  });

  test("asks for nobody that the file has", async () => {
    expect(await nameOf("filed")).toBe("filed");
    expect(server.asked).toEqual([]);
  });

  test("asks once for a while, and again at the same time when the answer gets old", async () => {
    expect(await nameOf("anna")).toBe("anna");
    clock.advance(14_000);
    expect(await nameOf("anna")).toBe("anna");
    expect(server.asked).toEqual(["anna?"]);
    clock.advance(2_000);
    server.tookMs = 1_000;
    expect(await nameOf("anna")).toBe("anna");
    expect(server.asked).toEqual(["anna?", "anna"]);
    clock.advance(1_000);
    await settle();
    clock.advance(14_000);
    await nameOf("anna");
    expect(server.asked).toEqual(["anna?", "anna"]);
  });

  test("waits for an answer in place of one that is too old", async () => {
    await nameOf("anna");
    server.users.delete("anna");
    clock.advance(60_000);
    expect(await nameOf("anna")).toBe("nobody");
  });

  test("believes for a moment only that there is nobody", async () => {
    expect(await nameOf("bert")).toBe("nobody");
    server.users.set("bert", userOf("bert"));
    clock.advance(4_000);
    expect(await nameOf("bert")).toBe("nobody");
    clock.advance(1_000);
    expect(await nameOf("bert")).toBe("bert");
    expect(server.asked).toEqual(["bert?", "bert?"]);
  });

  test("asks again after a failed login, but not for every one", async () => {
    await nameOf("anna");
    directory.doubt("anna");
    await nameOf("anna");
    expect(server.asked).toHaveLength(1);
    clock.advance(1_000);
    directory.doubt("anna");
    directory.doubt("anna");
    await nameOf("anna");
    directory.doubt("anna");
    await nameOf("anna");
    expect(server.asked).toEqual(["anna?", "anna"]);
    directory.doubt("nobody");
  });

  test("asks once for logins at the same time", async () => {
    server.tookMs = 5;
    const both = [directory.lookup("anna"), directory.lookup("anna")];
    clock.advance(5);
    await settle();
    clock.advance(50);
    await Promise.all(both);
    expect(server.asked).toEqual(["anna?"]);
  });

  test("keeps what it knows while the server is down, for a while", async () => {
    await nameOf("anna");
    server.isDown = true;
    clock.advance(599_000);
    expect(await nameOf("anna")).toBe("anna");
    expect(await nameOf("bert")).toBe("the server is down");
    clock.advance(2_000);
    expect(await nameOf("anna")).toBe("the server is down");
    expect(directory.find("anna")?.name).toBe("anna");
  });

  test("takes as long for a user that is known as for nobody", async () => {
    server.tookMs = 1.5;
    await nameOf("anna");
    const times = [];
    for (const name of ["anna", "filed", "nobody", "nobody", "another", "anna"]) {
      times.push((await lookup(name)).tookMs);
    }
    expect(times).toEqual([4.5, 4.5, 4.5, 4.5, 4.5, 4.5]);
  });

  test("finds who has logged in without asking", async () => {
    expect(directory.find("anna")).toBeUndefined();
    await nameOf("anna");
    expect(directory.find("anna")?.name).toBe("anna");
    expect(directory.find("filed")?.name).toBe("filed");
    expect(server.asked).toEqual(["anna?"]);
  });
});
