import type { RunnableCommand, TextFlag } from "../command.ts";
import { readSessions } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { textTable } from "./text-table.ts";

const limitFlag: TextFlag = {
  type: "text",
  name: "limit",
  description: "At most so many sessions, 0 for all",
  defaultText: "100",
  valueKind: "text",
};

const HEADINGS = [
  ...["ID", "GROUP", "BLOCK", "USER", "DATABASE", "APPLICATION", "CLIENT", "TLS"],
  ...["ACTIVITY", "TRANSACTION"],
];

/** `gatewayd sessions`. */
export const sessionsCommand = apiCommand({
  name: "sessions",
  summary: "List the clients that are connected",
  flags: [limitFlag],
  ask: (client, _operands, invocation) => {
    const limit = invocation.arguments.text(limitFlag) ?? "100";
    return client.get(`/api/v1/sessions?limit=${encodeURIComponent(limit)}`);
  },
  show(answer) {
    const { sessions, total } = readSessions(answer);
    const rows = sessions.map((session) => [
      ...[session.id, session.group, session.block, session.user, session.database],
      ...[session.applicationName, session.clientAddress, session.isEncrypted ? "yes" : "no"],
      ...[wordOf(session.activity), wordOf(session.transactionStatus)],
    ]);
    const more = total - sessions.length;
    const rest = more > 0 ? `and ${more} more; --limit 0 lists all\n` : "";
    return `${textTable(HEADINGS, rows)}${rest}`;
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
    operands: ["the id of a session"],
    ask: (client, [id = ""]) => client.post(`/api/v1/sessions/${encodeURIComponent(id)}/${name}`),
    show: () => done,
  });
}

/** `SESSION_ACTIVITY_LOGGING_IN` is `logging in`. */
function wordOf(value: string): string {
  const word = value.replace(/^(SESSION_ACTIVITY|TRANSACTION_STATUS)_/, "").toLowerCase();
  return word === "unspecified" ? "" : word.replaceAll("_", " ");
}
