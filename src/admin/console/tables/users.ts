import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { userPools } from "./pools.ts";

interface Row {
  readonly name: string;
  readonly clients: number;
  readonly servers: number;
}

/** `SHOW USERS`. */
export const usersTable = table(
  "users",
  "Who is connected to servers, and how often.",
  [
    ["name", TYPES.text, ({ name }: Row) => name],
    // It is a block's, not a user's.
    ["pool_mode", TYPES.text, () => null],
    ["clients", TYPES.int4, ({ clients }: Row) => clients],
    ["servers", TYPES.int4, ({ servers }: Row) => servers],
  ],
  async (asker): Promise<readonly Row[]> => {
    const byName = Map.groupBy(await userPools(asker), ({ user }) => user);
    return [...byName].map(([name, pools]) => ({
      name,
      clients: sum(pools.map(({ clActive, clWaiting }) => clActive + clWaiting)),
      servers: sum(pools.map((pool) => pool.svActive + pool.svIdle + pool.svTested + pool.svLogin)),
    }));
  },
);

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
