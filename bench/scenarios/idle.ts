import { setTimeout } from "node:timers/promises";
import { connect, type Socket } from "node:net";
import { openDescriptors, residentMiB, startupPacket, waitFor } from "../../tests/kit/index.ts";
import type { BenchContext } from "../context.ts";
import type { EndpointKind } from "../endpoints/index.ts";
import { descriptorLimit, peakResidentMiB, settle } from "../measure/index.ts";
import type { IdleResult } from "../result.ts";

/** Fewer than there are clients by far: all but these wait. */
const POOL_SIZE = 4;

/** Nobody is to be sent away while the memory is measured. */
const PATIENCE_SECONDS = 600;

/** Clients connecting at once: within the listen backlog of everyone. */
const CONNECTING_AT_ONCE = 64;

/** Where clients come from; a single address could run out of ports. */
const SOURCE_ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"] as const;

/** Descriptors that this process, and the endpoint, need for other things than clients. */
const SPARE_DESCRIPTORS = 500;

/** They have been idle for so long when the memory is read: what coming in has left behind is not theirs. */
const IDLE_MS = 5_000;

type Manner = IdleResult["manner"];

/** Measures what clients cost that only wait, on a fresh process for each manner of waiting. */
export async function measureIdle(
  context: BenchContext,
  kinds: readonly EndpointKind[],
  serverPort: number,
  clients: number,
  manners: readonly Manner[],
): Promise<readonly IdleResult[]> {
  const possible = Math.min(clients, descriptorLimit() - SPARE_DESCRIPTORS);
  if (possible < clients) {
    context.progress(`only ${possible} idle clients: no more files may be open (ulimit -n)`);
  }
  const results: IdleResult[] = [];
  for (const manner of manners) {
    for (const kind of kinds) {
      context.progress(`${possible} idle clients (${manner}): ${kind.name}`);
      results.push(await measure(context, kind, serverPort, possible, manner));
    }
  }
  return results;
}

async function measure(
  context: BenchContext,
  kind: EndpointKind,
  serverPort: number,
  clients: number,
  manner: Manner,
): Promise<IdleResult> {
  await using endpoint = await kind.start({
    context,
    serverPort,
    poolSize: POOL_SIZE,
    maxClients: clients + SPARE_DESCRIPTORS / 2,
    patienceSeconds: PATIENCE_SECONDS,
    expectsSilentClients: true,
  });
  const { pid } = endpoint;
  if (pid === undefined) throw new Error(`${kind.name} has no process to measure`);
  await settle([pid], context.signal);
  const baseMiB = residentMiB(pid);
  const { sockets: baseSockets } = openDescriptors(pid);
  const sockets = await openClients(endpoint, clients, manner, context.signal);
  try {
    await waitFor(
      `${kind.name} to have accepted ${clients} clients`,
      () => openDescriptors(pid).sockets - baseSockets,
      { deadlineMs: 30_000, intervalMs: 200, until: (count) => count >= clients },
    );
    await settle([pid], context.signal);
    await setTimeout(IDLE_MS, undefined, { signal: context.signal });
    const waitingMiB = residentMiB(pid);
    const gone = sockets.filter((socket) => socket.destroyed || socket.readableEnded).length;
    if (gone > 0) throw new Error(`${kind.name} sent ${gone} of ${clients} waiting clients away`);
    const peakMiB = peakResidentMiB(pid);
    return { entry: kind.name, manner, clients, baseMiB, waitingMiB, peakMiB };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

const STARTUP = startupPacket({ user: "postgres", database: "postgres" });

async function openClients(
  target: { readonly host: string; readonly port: number },
  count: number,
  manner: Manner,
  signal: AbortSignal,
): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  try {
    while (sockets.length < count) {
      signal.throwIfAborted();
      const batch = Math.min(CONNECTING_AT_ONCE, count - sockets.length);
      const opening = Array.from({ length: batch }, (_, index) => {
        const localAddress = SOURCE_ADDRESSES[(sockets.length + index) % SOURCE_ADDRESSES.length];
        return openClient({ ...target, ...(localAddress && { localAddress }) }, manner);
      });
      const opened = await Promise.allSettled(opening);
      for (const each of opened) if (each.status === "fulfilled") sockets.push(each.value);
      const refused = opened.find((each) => each.status === "rejected");
      if (refused) throw new Error("a client could not connect", { cause: refused.reason });
    }
    return sockets;
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    throw error;
  }
}

async function openClient(
  target: { readonly host: string; readonly port: number; readonly localAddress?: string },
  manner: Manner,
): Promise<Socket> {
  const socket = connect(target);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {}); // A socket that breaks is counted as gone.
  if (manner === "logged in") await greeted(socket);
  else if (manner === "startup") socket.write(STARTUP);
  socket.resume();
  return socket;
}

/** A ReadyForQuery of a session without a transaction: the last bytes of a greeting. */
const READY = "Z\0\0\0\x05I";

/** Logs in. @throws when the other side ends instead. */
async function greeted(socket: Socket): Promise<void> {
  let received = "";
  await new Promise<void>((resolve, reject) => {
    const take = (bytes: Buffer): void => {
      received += bytes.toString("latin1");
      if (!received.endsWith(READY)) return;
      socket.off("data", take);
      socket.off("close", refuse);
      resolve();
    };
    const refuse = (): void => reject(new Error(`a client was not greeted: ${received}`));
    socket.on("data", take);
    socket.once("close", refuse);
    socket.write(STARTUP);
  });
}
