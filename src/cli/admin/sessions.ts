import { formatDuration } from "../../config/index.ts";
import type { RunnableCommand } from "../command.ts";
import { readSessions } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { groupFlag, limitFlag, pathWith, restOf } from "./list-flags.ts";
import { textTable } from "./text-table.ts";
import { wordOf } from "./word-of.ts";

const limit = limitFlag("sessions", "100");

const HEADINGS = [
  ...["ID", "GROUP", "BLOCK", "USER", "DATABASE", "APPLICATION", "CLIENT", "TLS"],
  ...["AGE", "ACTIVITY", "TRANSACTION"],
];

/** `gatewayd sessions`. */
export const sessionsCommand = apiCommand({
  name: "sessions",
  summary: "List the clients that are connected",
  flags: [groupFlag, limit],
  ask: (client, _operands, invocation) =>
    client.get(pathWith("/api/v1/sessions", invocation, [groupFlag, limit])),
  show(answer) {
    const { sessions, total } = readSessions(answer);
    const rows = sessions.map((session) => [
      ...[session.id, session.group, session.block, session.user, session.database],
      ...[session.applicationName, session.clientAddress, session.isEncrypted ? "yes" : "no"],
      formatDuration(Math.floor(session.ageMs / 1_000) * 1_000),
      ...[wordOf(session.activity), wordOf(session.transactionStatus)],
    ]);
    return `${textTable(HEADINGS, rows)}${restOf(sessions.length, total)}`;
  },
});

/** `gatewayd kill ID`. */
export const killCommand = onSession(
  "kill",
  "End the connection of a client, and cancel what it is waiting for",
  "The session is ended\n",
);

/** `gatewayd cancel ID`. */
export const cancelCommand = onSession(
  "cancel",
  "Cancel what a client is waiting for",
  "A cancel request was sent, if there was anything to cancel\n",
);

function onSession(name: string, summary: string, done: string): RunnableCommand {
  return apiCommand({
    name,
    summary,
    description: `${summary}. "gatewayd sessions" lists the ids, which stand in the log, too.`,
    operands: [{ name: "ID", meaning: "the id of a session" }],
    ask: (client, [id = ""]) => client.post(`/api/v1/sessions/${encodeURIComponent(id)}/${name}`),
    show: () => done,
  });
}
