import { SessionActivity } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { BackendState } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import type { Asking } from "../asker.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { namedPools } from "./named-pools.ts";
import type { NamedPool } from "./named-pools.ts";
import { secondsAndMicros } from "./seconds-and-micros.ts";
import { settingsOf } from "./settings-of.ts";

/** What one user has of a block. */
interface UserPool {
  readonly pool: NamedPool;
  /** As the server knows it. */
  readonly user: string;
  clActive: number;
  clWaiting: number;
  svActive: number;
  svIdle: number;
  svTested: number;
  svLogin: number;
  maxWaitMs: number;
}

/** In mode passthrough connections are opened before it is known whose they will be. */
const NOBODY = "(nouser)";
/** Cancel requests go on connections of their own, and are not waited for. */
const NONE = (): number => 0;

/** `SHOW POOLS`. */
export const poolsTable = table(
  "pools",
  "Clients and connections to the server, by database and user.",
  [
    ["database", TYPES.text, ({ pool }: UserPool) => pool.name],
    ["user", TYPES.text, ({ user }: UserPool) => user],
    ["cl_active", TYPES.int4, ({ clActive }: UserPool) => clActive],
    ["cl_waiting", TYPES.int4, ({ clWaiting }: UserPool) => clWaiting],
    ["cl_active_cancel_req", TYPES.int4, NONE],
    ["cl_waiting_cancel_req", TYPES.int4, NONE],
    ["sv_active", TYPES.int4, ({ svActive }: UserPool) => svActive],
    ["sv_active_cancel", TYPES.int4, NONE],
    ["sv_being_canceled", TYPES.int4, NONE],
    ["sv_idle", TYPES.int4, ({ svIdle }: UserPool) => svIdle],
    ["sv_used", TYPES.int4, NONE],
    ["sv_tested", TYPES.int4, ({ svTested }: UserPool) => svTested],
    ["sv_login", TYPES.int4, ({ svLogin }: UserPool) => svLogin],
    ["maxwait", TYPES.int4, ({ maxWaitMs }: UserPool) => secondsAndMicros(maxWaitMs)[0]],
    ["maxwait_us", TYPES.int4, ({ maxWaitMs }: UserPool) => secondsAndMicros(maxWaitMs)[1]],
    ["pool_mode", TYPES.text, ({ pool }: UserPool) => pool.mode],
  ],
  userPools,
);

export async function userPools(asker: Asking): Promise<readonly UserPool[]> {
  const [pools, { backends }, { waiters }, { sessions }, setting] = await Promise.all([
    namedPools(asker),
    asker.ask("listBackends", {}),
    asker.ask("listWaiters", {}),
    asker.ask("listSessions", {}),
    settingsOf(asker),
  ]);
  return pools.flatMap((pool) => {
    const rows = new Map<string, UserPool>();
    const ofUser = (user: string): UserPool => {
      const row = rows.get(user) ?? emptyPool(pool, user || NOBODY);
      rows.set(user, row);
      return row;
    };
    const isOfPool = ({ group, block }: { group: string; block: string }): boolean =>
      group === pool.group && block === pool.block;
    const shared = setting(`clients.${pool.group}.${pool.block}.startupParams.user`);
    for (const { user, activity } of sessions.filter(isOfPool)) {
      const row = ofUser(shared ?? user);
      if (activity === SessionActivity.WAITING) row.clWaiting++;
      else row.clActive++;
    }
    for (const { user, state } of backends.filter(isOfPool)) count(ofUser(user), state);
    for (const { user, waitedMs } of waiters.filter(isOfPool)) {
      const row = ofUser(user);
      row.maxWaitMs = Math.max(row.maxWaitMs, waitedMs);
    }
    return [...rows.values()];
  });
}

function emptyPool(pool: NamedPool, user: string): UserPool {
  const clients = { clActive: 0, clWaiting: 0, maxWaitMs: 0 };
  return { pool, user, ...clients, svActive: 0, svIdle: 0, svTested: 0, svLogin: 0 };
}

function count(row: UserPool, state: BackendState): void {
  switch (state) {
    case BackendState.ACTIVE:
    case BackendState.IN_TRANSACTION:
    case BackendState.KEPT:
      row.svActive++;
      return;
    case BackendState.IDLE:
      row.svIdle++;
      return;
    case BackendState.TENDED:
      row.svTested++;
      return;
    case BackendState.CONNECTING:
      row.svLogin++;
      return;
    case BackendState.RETIRING: // Nobody's any more.
    case BackendState.UNSPECIFIED:
  }
}
