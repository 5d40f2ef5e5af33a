import { expect, test } from "bun:test";
import { memoryPair } from "../net/index.ts";
import type { PooledServer } from "../pool/index.ts";
import { backendSnapshots, waiterSnapshots } from "./connection-snapshots.ts";
import type { SeenSession } from "./connection-snapshots.ts";

const NOW_MS = 10_000;

function server(more: Partial<PooledServer<unknown>> = {}) {
  const [connection] = memoryPair();
  const backend = { connection, dialledAtMs: 4_000, encryption: undefined };
  const about = { user: "alice", database: "shop", idleMs: 0, uses: 5, isCondemned: false };
  return { ...about, state: "leased" as const, ...more, backend };
}

const NO_REASON = { kind: "server", keyData: undefined, pinReason: undefined } as const;

type Server = ReturnType<typeof server>;

function session(
  id: string,
  used: Server | undefined,
  more: Partial<SeenSession> = {},
): SeenSession {
  return {
    facts: {
      id,
      block: "writes",
      user: "anna",
      database: "store",
      transactionStatus: "idle",
    },
    activity: "idle",
    holding: used && { ...NO_REASON, backend: used.backend },
    ...more,
  };
}

function statesOf(servers: readonly Server[], sessions: readonly SeenSession[]) {
  const blocks = [{ block: "writes", servers, connecting: [] }];
  return backendSnapshots(blocks, sessions, NOW_MS).map(({ state }) => state);
}

test("a connection that several sessions use names them all", () => {
  const shared = server();
  const sessions = [session("1", shared, { activity: "active" }), session("2", shared)];
  const blocks = [{ block: "writes", servers: [shared], connecting: [] }];
  expect(backendSnapshots(blocks, sessions, NOW_MS)).toMatchObject([
    { state: "active", sessionIds: ["1", "2"], user: "alice", ageMs: 6_000, uses: 5 },
  ]);
});

test("what a connection is at is what its sessions are, or the pool", () => {
  const [held, open, idle, tended, pinged, gone] = [
    server(),
    server(),
    server({ state: "idle", idleMs: 70 }),
    server(),
    server({ state: "withheld" }),
    server({ state: "retiring" }),
  ];
  const inTransaction = session("2", open);
  const sessions = [
    session("1", held),
    { ...inTransaction, facts: { ...inTransaction.facts, transactionStatus: "failed" as const } },
    session("3", undefined),
  ];
  expect(statesOf([held, open, idle, tended, pinged, gone], sessions)).toEqual([
    ...(["kept", "inTransaction", "idle", "tended", "tended", "retiring"] as const),
  ]);
});

test("connections that are dialled are there, and those that are in no pool", () => {
  const own = server();
  const blocks = [
    { block: "writes", servers: [], connecting: [{ user: "alice", database: "shop" }] },
  ];
  const keyData = Uint8Array.of(0, 0, 1, 2, 9);
  const holding = { ...NO_REASON, backend: own.backend, keyData, pinReason: "replication" };
  const sessions = [session("9", undefined, { holding, activity: "active" })];
  expect(backendSnapshots(blocks, sessions, NOW_MS)).toMatchObject([
    { block: "writes", state: "connecting", serverAddress: "", user: "alice" },
    { block: "writes", state: "active", processId: 258, user: "anna", pinReason: "replication" },
  ]);
});

test("those who wait are told with their sessions, the longest waits first", () => {
  const tickets = [{}, {}, {}];
  const waiters = tickets.map((ticket, index) => ({
    ticket,
    remoteAddress: `10.0.0.${index}:1`,
    user: index === 2 ? "" : "alice",
    database: "",
    waitedMs: [5, 9, 7][index] ?? 0,
    place: 1,
  }));
  const sessions = [
    session("1", undefined, { holding: { kind: "ticket", ticket: tickets[0] ?? {} } }),
    session("2", undefined),
    session("3", undefined, { holding: { kind: "ticket", ticket: tickets[2] ?? {} } }),
  ];
  const told = waiterSnapshots([{ block: "writes", waiters }], sessions);
  expect(
    told.map(({ sessionId, user, database, waitedMs }) => [sessionId, user, database, waitedMs]),
  ).toEqual([
    ["", "alice", "", 9],
    ["3", "anna", "store", 7],
    ["1", "alice", "store", 5],
  ]);
});
