import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { namedPools } from "./named-pools.ts";
import type { NamedPool } from "./named-pools.ts";
import { placeOfAddress } from "./place-of-address.ts";
import { settingsOf } from "./settings-of.ts";

interface Row {
  readonly pool: NamedPool;
  /** Below `clients.<group>.<block>` and `pools.<group>.<block>`. */
  readonly client: (key: string) => string | undefined;
  readonly own: (key: string) => string | undefined;
}

/** `SHOW DATABASES`. */
export const databasesTable = table(
  "databases",
  "The places that clients are led to: blocks.",
  [
    ["name", TYPES.text, ({ pool }: Row) => pool.name],
    ["host", TYPES.text, ({ pool }: Row) => placeOfAddress(pool.address).host],
    ["port", TYPES.int4, ({ pool }: Row) => placeOfAddress(pool.address).port],
    ["database", TYPES.text, ({ client }: Row) => client("startupParams.database") ?? ANY],
    ["force_user", TYPES.text, ({ client }: Row) => client("startupParams.user") ?? null],
    ["pool_size", TYPES.int4, ({ pool }: Row) => pool.size],
    ["min_pool_size", TYPES.int4, ({ own }: Row) => Number(own("minSize") ?? 0)],
    ["reserve_pool", TYPES.int4, () => 0],
    ["pool_mode", TYPES.text, ({ pool }: Row) => pool.mode],
    ["max_connections", TYPES.int4, ({ pool }: Row) => pool.size],
    [
      "current_connections",
      TYPES.int4,
      ({ pool: { available, leased, retiring } }: Row) => available + leased + retiring,
    ],
    ["paused", TYPES.int4, ({ pool }: Row) => (pool.isPaused ? 1 : 0)],
    ["disabled", TYPES.int4, () => 0],
  ],
  async (asker): Promise<readonly Row[]> => {
    const [pools, setting] = await Promise.all([namedPools(asker), settingsOf(asker)]);
    return pools.map((pool) => ({
      pool,
      client: (key) => setting(`clients.${pool.group}.${pool.block}.${key}`),
      own: (key) => setting(`pools.${pool.group}.${pool.block}.${key}`),
    }));
  },
);

/** Whichever the client asks for. */
const ANY = "*";
