import type { Session } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import type { Asking } from "../asker.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { placeOfAddress } from "./place-of-address.ts";
import { secondsAndMicros } from "./seconds-and-micros.ts";
import { activityWord, transactionWord } from "./session-words.ts";
import { timeText } from "./time-text.ts";

interface Row extends Session {
  readonly connectedAtMs: number;
  readonly waitedMs: number;
  /** Our address of the server connection that works for it. */
  readonly link: string;
}

/** `SHOW CLIENTS`. */
export const clientsTable = table(
  "clients",
  "The clients, as PgBouncer shows them.",
  [
    ["type", TYPES.text, () => "C"],
    ["user", TYPES.text, ({ user }: Row) => user || "(nouser)"],
    ["database", TYPES.text, ({ database }: Row) => database || "(nodb)"],
    ["state", TYPES.text, ({ activity }: Row) => activityWord(activity)],
    ["addr", TYPES.text, ({ clientAddress }: Row) => placeOfAddress(clientAddress).host],
    ["port", TYPES.int4, ({ clientAddress }: Row) => placeOfAddress(clientAddress).port],
    ["local_addr", TYPES.text, ({ localAddress }: Row) => placeOfAddress(localAddress).host],
    ["local_port", TYPES.int4, ({ localAddress }: Row) => placeOfAddress(localAddress).port],
    ["connect_time", TYPES.text, ({ connectedAtMs }: Row) => timeText(connectedAtMs)],
    // It is not known when a client last asked for something; and there are tools that take it apart as a time.
    ["request_time", TYPES.text, ({ connectedAtMs }: Row) => timeText(connectedAtMs)],
    ["wait", TYPES.int4, ({ waitedMs }: Row) => secondsAndMicros(waitedMs)[0]],
    ["wait_us", TYPES.int4, ({ waitedMs }: Row) => secondsAndMicros(waitedMs)[1]],
    ["close_needed", TYPES.int4, () => 0],
    ["ptr", TYPES.text, ({ id }: Row) => id],
    ["link", TYPES.text, ({ link }: Row) => link],
    ["remote_pid", TYPES.int4, () => 0],
    ["tls", TYPES.text, ({ isEncrypted }: Row) => (isEncrypted ? "TLS" : "")],
    ["application_name", TYPES.text, ({ applicationName }: Row) => applicationName],
    ["id", TYPES.text, ({ id }: Row) => id],
    ["group", TYPES.text, ({ group }: Row) => group],
    ["block", TYPES.text, ({ block }: Row) => block],
    ["transaction", TYPES.text, ({ transactionStatus }: Row) => transactionWord(transactionStatus)],
  ],
  clients,
);

async function clients(asker: Asking): Promise<readonly Row[]> {
  const [{ sessions }, { backends }, { waiters }] = await Promise.all([
    asker.ask("listSessions", {}),
    asker.ask("listBackends", {}),
    asker.ask("listWaiters", {}),
  ]);
  const links = new Map(
    backends.flatMap(({ sessionIds, localAddress }) =>
      sessionIds.map((id) => [id, localAddress] as const),
    ),
  );
  const waits = new Map(waiters.map(({ sessionId, waitedMs }) => [sessionId, waitedMs]));
  const nowMs = Date.now();
  return sessions.map((session) => ({
    ...session,
    connectedAtMs: nowMs - session.ageMs,
    waitedMs: waits.get(session.id) ?? 0,
    link: links.get(session.id) ?? "",
  }));
}
