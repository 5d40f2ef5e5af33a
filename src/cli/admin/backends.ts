import { formatDuration } from "../../config/index.ts";
import { readBackends } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { blockFlag, groupFlag, limitFlag, pathWith, restOf } from "./list-flags.ts";
import { textTable } from "./text-table.ts";
import { wordOf } from "./word-of.ts";

const FLAGS = [groupFlag, blockFlag, limitFlag("connections", "100")] as const;

const HEADINGS = [
  ...["GROUP", "BLOCK", "SERVER", "PID", "USER", "DATABASE", "TLS", "STATE"],
  ...["AGE", "IDLE", "USES", "SESSIONS"],
];

/** `gatewayd backends`. */
export const backendsCommand = apiCommand({
  name: "backends",
  summary: "List the connections to database servers, and which sessions use them",
  flags: FLAGS,
  ask: (client, _operands, invocation) =>
    client.get(pathWith("/api/v1/backends", invocation, FLAGS)),
  show(answer) {
    const { backends, total } = readBackends(answer);
    const rows = backends.map((backend) => [
      ...[backend.group, backend.block, backend.serverAddress, backend.processId || ""],
      ...[backend.user, backend.database, backend.isEncrypted ? "yes" : "no", stateOf(backend)],
      ...[seconds(backend.ageMs), backend.idleMs > 0 ? seconds(backend.idleMs) : "", backend.uses],
      backend.sessionIds.join(" "),
    ]);
    return `${textTable(HEADINGS, rows)}${restOf(backends.length, total)}`;
  },
});

function stateOf({ state, pinReason, sessionIds }: StatedBackend): string {
  const shared = sessionIds.length > 1 ? `, shared by ${sessionIds.length}` : "";
  return `${wordOf(state)}${pinReason === "" ? "" : ` (${pinReason})`}${shared}`;
}

type StatedBackend = Pick<
  ReturnType<typeof readBackends>["backends"][number],
  "state" | "pinReason" | "sessionIds"
>;

function seconds(ms: number): string {
  return formatDuration(Math.floor(ms / 1_000) * 1_000);
}
