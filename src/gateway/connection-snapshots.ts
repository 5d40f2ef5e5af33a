/** Connections to servers and waiting clients, one by one: what pools know of them, and what sessions do. */
import type { PooledServer, PoolWaiter } from "../pool/index.ts";
import type { ServerUse, Session } from "../session/index.ts";
import type { BackendSnapshot, SessionSnapshot, WaiterSnapshot } from "./control-port.ts";

/** A connection to a server, of whatever mode. */
type Server = ServerUse["backend"] & { readonly keyData?: Uint8Array | undefined };

/** The connections of one block. */
export interface BlockServers {
  readonly block: string;
  readonly servers: readonly PooledServer<Server>[];
  /** Of these nothing is known but for whom they will be. */
  readonly connecting: readonly { readonly user: string; readonly database: string }[];
}

/** A session, as far as it matters here. */
export interface SeenSession extends Pick<Session, "activity" | "holding"> {
  readonly facts: Pick<SessionSnapshot, "id" | "block" | "user" | "database" | "transactionStatus">;
}

/** A session, and what it has of a server. */
interface User extends ServerUse {
  readonly session: SeenSession;
}

/** @param nowMs on the clock of pools */
export function backendSnapshots(
  blocks: readonly BlockServers[],
  sessions: Iterable<SeenSession>,
  nowMs: number,
): readonly BackendSnapshot[] {
  const users = Map.groupBy(usersOf(sessions), ({ backend }) => backend.connection);
  const known = blocks.flatMap(({ block, servers, connecting }) => [
    ...servers.map((server) => {
      const ofServer = users.get(server.backend.connection) ?? [];
      users.delete(server.backend.connection);
      return snapshotOf(block, server, ofServer, nowMs);
    }),
    ...connecting.map((pair) => ({ ...NOT_THERE, block, ...pair })),
  ]);
  // What is left is in no pool: connections for replication.
  const own = [...users.values()].flatMap((ofServer) => {
    const [{ session, backend } = {}] = ofServer;
    const block = session?.facts.block ?? "";
    return backend === undefined
      ? []
      : [snapshotOf(block, { ...OUTSIDE, backend }, ofServer, nowMs)];
  });
  return [...known, ...own];
}

/** @param waiters of each block, by its name */
export function waiterSnapshots(
  waiters: readonly { readonly block: string; readonly waiters: readonly PoolWaiter[] }[],
  sessions: Iterable<SeenSession>,
): readonly WaiterSnapshot[] {
  const byTicket = new Map<object, SeenSession>();
  for (const session of sessions) {
    const { holding } = session;
    if (holding?.kind === "ticket") byTicket.set(holding.ticket, session);
  }
  return waiters.flatMap(({ block, waiters: ofBlock }) => {
    const all = ofBlock.map(({ ticket, remoteAddress, user, database, ...rest }) => {
      const session = byTicket.get(ticket);
      return {
        block,
        sessionId: session?.facts.id ?? "",
        clientAddress: remoteAddress,
        user: user || (session?.facts.user ?? ""),
        database: database || (session?.facts.database ?? ""),
        ...rest,
      };
    });
    return all.toSorted((one, other) => other.waitedMs - one.waitedMs);
  });
}

function usersOf(sessions: Iterable<SeenSession>): readonly User[] {
  return [...sessions].flatMap((session) => {
    const { holding } = session;
    return holding?.kind === "server" ? [{ session, ...holding }] : [];
  });
}

const NOT_THERE = {
  serverAddress: "",
  localAddress: "",
  processId: undefined,
  state: "connecting",
  transactionStatus: undefined,
  pinReason: undefined,
  sessionIds: [],
  ageMs: 0,
  idleMs: 0,
  uses: 0,
  isEncrypted: false,
  isCondemned: false,
} as const;

const OUTSIDE = {
  user: "",
  database: "",
  state: "leased",
  idleMs: 0,
  uses: 1,
  isCondemned: true,
} as const;

function snapshotOf(
  block: string,
  server: PooledServer<Server>,
  users: readonly User[],
  nowMs: number,
): BackendSnapshot {
  const { backend, idleMs, uses, isCondemned } = server;
  const { connection, dialledAtMs, encryption } = backend;
  const [first] = users;
  const facts = first?.session.facts;
  return {
    block,
    serverAddress: connection.remoteAddress,
    localAddress: connection.localAddress,
    processId: processIdIn(backend.keyData ?? first?.keyData),
    user: server.user || (facts?.user ?? ""),
    database: server.database || (facts?.database ?? ""),
    state: stateOf(server, users),
    transactionStatus: facts?.transactionStatus,
    pinReason: first?.pinReason,
    sessionIds: users.map(({ session }) => session.facts.id),
    ageMs: nowMs - dialledAtMs,
    idleMs,
    uses,
    isEncrypted: encryption !== undefined,
    isCondemned,
  };
}

function stateOf(
  { state }: PooledServer<Server>,
  users: readonly User[],
): BackendSnapshot["state"] {
  if (state === "idle" || state === "retiring") return state;
  if (state === "withheld" || users.length === 0) return "tended";
  if (users.some(({ session }) => session.activity === "active")) return "active";
  const isInTransaction = users.some(({ session }) => {
    const { transactionStatus } = session.facts;
    return transactionStatus === "inTransaction" || transactionStatus === "failed";
  });
  return isInTransaction ? "inTransaction" : "kept";
}

/** The first four bytes of what a client cancels by (PostgreSQL manual, BackendKeyData). */
function processIdIn(keyData: Uint8Array | undefined): number | undefined {
  if (keyData === undefined || keyData.length < 4) return undefined;
  return new DataView(keyData.buffer, keyData.byteOffset).getInt32(0);
}
