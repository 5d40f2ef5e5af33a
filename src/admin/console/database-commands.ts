/** The commands that are given to a database, or to all: each is made of several of the API's. */
import { setTimeout } from "node:timers/promises";
import { GatewayError } from "../../errors.ts";
import type { Pool } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import { BackendState } from "../gen/gatewayd/admin/v1/connections_pb.ts";
import type { Backend } from "../gen/gatewayd/admin/v1/connections_pb.ts";
import type { Asking } from "./asker.ts";
import { blockName } from "./block-name.ts";
import { notice } from "./console-result.ts";
import type { ConsoleResult } from "./console-result.ts";
import type { Target } from "./statement.ts";

type Verb = "pause" | "resume" | "reconnect" | "waitClose";

/** How often it is looked whether something has come about. */
const LOOK_MS = 100;
const PASSTHROUGH = "passthrough";

const TAGS: Readonly<Record<Verb, string>> = {
  pause: "PAUSE",
  resume: "RESUME",
  reconnect: "RECONNECT",
  waitClose: "WAIT_CLOSE",
};

/**
 * A database is what PgBouncer means by it: a place that clients are led to, which is a block here.
 * @throws GatewayError ERR_ADMIN_NOT_FOUND, ERR_CANCELED when nobody waits for the end of a pause any more
 */
export async function commandDatabases(
  asker: Asking,
  verb: Verb,
  target: Target,
  signal: AbortSignal,
): Promise<ConsoleResult> {
  const tag = TAGS[verb];
  const named = await poolsOf(asker, target);
  if (verb === "reconnect") {
    for (const pool of named) await asker.ask("reconnectPool", placeOf(pool));
    return { tag };
  }
  if (verb === "waitClose") {
    await untilClosed(asker, named, signal, ({ isCondemned, state }) => {
      return isCondemned || state === BackendState.RETIRING;
    });
    return { tag };
  }
  const pooled = named.filter(({ mode }) => mode !== PASSTHROUGH);
  const others = named.filter(({ mode }) => mode === PASSTHROUGH);
  if (pooled.length === 0 && others[0] !== undefined) throw cannot(tag, others[0]);
  if (verb === "pause") await pause(asker, pooled, signal);
  else for (const pool of pooled) await asker.ask("resumePool", placeOf(pool));
  return { tag, notices: others.map((pool) => notice(cannot(tag, pool).message)) };
}

/** @throws GatewayError ERR_ADMIN_NOT_FOUND; ERR_ADMIN_INVALID for one that cannot be paused */
export async function killDatabase(asker: Asking, target: Target): Promise<ConsoleResult> {
  const pools = await poolsOf(asker, target);
  const passthrough = pools.find(({ mode }) => mode === PASSTHROUGH);
  if (passthrough !== undefined) throw cannot("KILL", passthrough);
  for (const pool of pools) await asker.ask("pausePool", placeOf(pool));
  const { sessions } = await asker.ask("listSessions", {});
  const names = new Set(pools.map(blockName));
  for (const { id } of sessions.filter((session) => names.has(blockName(session)))) {
    await killIfThere(asker, id);
  }
  for (const pool of pools) await asker.ask("reconnectPool", placeOf(pool));
  return { tag: "KILL" };
}

/** As PgBouncer does it: when it ends there are no connections to the server any more. */
async function pause(asker: Asking, pools: readonly Pool[], signal: AbortSignal): Promise<void> {
  for (const pool of pools) {
    await asker.ask("pausePool", placeOf(pool));
    await asker.ask("reconnectPool", placeOf(pool));
  }
  await untilClosed(asker, pools, signal, () => true);
}

/** @param isMeant which of the connections to the server are waited for */
async function untilClosed(
  asker: Asking,
  pools: readonly Pool[],
  signal: AbortSignal,
  isMeant: (backend: Backend) => boolean,
): Promise<void> {
  const names = new Set(pools.map(blockName));
  for (;;) {
    const { backends } = await asker.ask("listBackends", {});
    if (!backends.some((backend) => names.has(blockName(backend)) && isMeant(backend))) return;
    try {
      await setTimeout(LOOK_MS, undefined, { signal });
    } catch (thrown) {
      throw new GatewayError(
        "ERR_CANCELED",
        "nobody waits any more for server connections to be closed; what was paused is paused",
        { cause: thrown },
      );
    }
  }
}

async function poolsOf(asker: Asking, target: Target): Promise<readonly Pool[]> {
  const { pools } = await asker.ask("listPools", {});
  if (target === undefined) return pools;
  const named = pools.filter((pool) => blockName(pool) === target);
  const found = named.length > 0 ? named : pools.filter(({ block }) => block === target);
  if (found.length === 1) return found;
  const known = (found.length > 1 ? found : pools).map(blockName).join(", ");
  const problem = found.length > 1 ? "is there more than once" : "is not there";
  throw new GatewayError("ERR_ADMIN_NOT_FOUND", `database "${target}" ${problem}: ${known}`);
}

async function killIfThere(asker: Asking, id: string): Promise<void> {
  try {
    await asker.ask("killSession", { id });
  } catch (thrown) {
    // It has left by itself meanwhile.
    if (!(thrown instanceof GatewayError) || thrown.code !== "ERR_ADMIN_NOT_FOUND") throw thrown;
  }
}

function cannot(tag: string, pool: Pool): GatewayError {
  const what = `${blockName(pool)} is in mode passthrough: its clients have connections of their own`;
  return new GatewayError("ERR_ADMIN_INVALID", `${tag} is not possible: ${what}`);
}

function placeOf({ group, block }: Pool): Pick<Pool, "group" | "block"> {
  return { group, block };
}
