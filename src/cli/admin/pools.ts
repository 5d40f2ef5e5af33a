import { readPools } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { groupFlag, pathWith } from "./list-flags.ts";
import { textTable } from "./text-table.ts";

const COUNTS = ["size", "available", "leased", "retiring", "waiting"] as const;

/** `gatewayd pools`. */
export const poolsCommand = apiCommand({
  name: "pools",
  summary: "Show the server connections of each block, and the clients that wait for one",
  flags: [groupFlag],
  ask: (client, _operands, invocation) =>
    client.get(pathWith("/api/v1/pools", invocation, [groupFlag])),
  show: (answer) =>
    textTable(
      ["GROUP", "BLOCK", "MODE", "SERVER", ...COUNTS.map((count) => count.toUpperCase()), ""],
      readPools(answer).map((pool) => [
        ...[pool.group, pool.block, pool.mode, pool.address],
        ...COUNTS.map((count) => pool[count]),
        pool.isPaused ? "paused" : "",
      ]),
    ),
});
