/** Blocks under the names that they have as databases. */
import type { Pool } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import type { Asking } from "../asker.ts";
import { blockName } from "../block-name.ts";

export interface NamedPool extends Pool {
  /** Its own name; with the group's in front where another group has one of the same. */
  readonly name: string;
}

export async function namedPools(asker: Asking): Promise<readonly NamedPool[]> {
  const { pools } = await asker.ask("listPools", {});
  return pools.map((pool) => ({ ...pool, name: databaseName(pool, pools) }));
}

function databaseName(pool: Pool, pools: readonly Pool[]): string {
  const { block } = pool;
  return pools.every((other) => other === pool || other.block !== block) ? block : blockName(pool);
}
