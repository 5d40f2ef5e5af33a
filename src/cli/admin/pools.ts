import { readPools } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { textTable } from "./text-table.ts";

const COUNTS = ["size", "available", "leased", "retiring", "waiting"] as const;

/** `gatewayd pools`. */
export const poolsCommand = apiCommand({
  name: "pools",
  summary: "Show the server connections of each block, and the clients that wait for one",
  ask: (client) => client.get("/api/v1/pools"),
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
