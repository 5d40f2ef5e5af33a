import { formatDuration } from "../../config/index.ts";
import { readWaiters } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { blockFlag, groupFlag, limitFlag, pathWith, restOf } from "./list-flags.ts";
import { textTable } from "./text-table.ts";

const FLAGS = [groupFlag, blockFlag, limitFlag("clients", "100")] as const;

const HEADINGS = ["SESSION", "GROUP", "BLOCK", "USER", "DATABASE", "CLIENT", "WAITED", "PLACE"];

/** `gatewayd waiters`. */
export const waitersCommand = apiCommand({
  name: "waiters",
  summary: "List the clients that wait for a server connection, the longest waits first",
  flags: FLAGS,
  ask: (client, _operands, invocation) =>
    client.get(pathWith("/api/v1/waiters", invocation, FLAGS)),
  show(answer) {
    const { waiters, total } = readWaiters(answer);
    const rows = waiters.map((waiter) => [
      ...[waiter.sessionId, waiter.group, waiter.block, waiter.user, waiter.database],
      ...[waiter.clientAddress, formatDuration(Math.floor(waiter.waitedMs)), waiter.place],
    ]);
    return `${textTable(HEADINGS, rows)}${restOf(waiters.length, total)}`;
  },
});
