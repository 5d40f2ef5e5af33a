import { Phase } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

type Row = readonly [key: string, value: string];

/** `SHOW STATE`. */
export const stateTable = table(
  "state",
  "Whether the gateway serves, and whether everything that can be paused is.",
  [
    ["key", TYPES.text, ([key]: Row) => key],
    ["value", TYPES.text, ([, value]: Row) => value],
  ],
  async (asker): Promise<readonly Row[]> => {
    const [{ phase }, { pools }] = await Promise.all([
      asker.ask("getStatus", {}),
      asker.ask("listPools", {}),
    ]);
    const isPaused = pools.some((pool) => pool.isPaused) && pools.every((pool) => pool.isPaused);
    return [
      ["active", yesOrNo(phase === Phase.SERVING && !isPaused)],
      ["paused", yesOrNo(isPaused)],
      ["suspended", "no"],
      ["draining", yesOrNo(phase === Phase.DRAINING)],
    ];
  },
);

function yesOrNo(isSo: boolean): string {
  return isSo ? "yes" : "no";
}
