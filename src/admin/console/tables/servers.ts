import { BackendState } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import type { Backend } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { placeOfAddress } from "./place-of-address.ts";
import { transactionWord } from "./session-words.ts";
import { timeText } from "./time-text.ts";

interface Row extends Backend {
  readonly nowMs: number;
}

/** PgBouncer's words, where it has any. */
const STATE_WORDS: ReadonlyMap<BackendState, string> = new Map([
  [BackendState.CONNECTING, "new"],
  [BackendState.IDLE, "idle"],
  [BackendState.ACTIVE, "active"],
  [BackendState.IN_TRANSACTION, "active"],
  [BackendState.KEPT, "active"],
  [BackendState.TENDED, "tested"],
  [BackendState.RETIRING, "closing"],
]);

/** `SHOW SERVERS`. */
export const serversTable = table(
  "servers",
  "The connections to the server, and who uses them.",
  [
    ["type", TYPES.text, () => "S"],
    ["user", TYPES.text, ({ user }: Row) => user],
    ["database", TYPES.text, ({ database }: Row) => database],
    ["state", TYPES.text, ({ state }: Row) => STATE_WORDS.get(state) ?? ""],
    ["addr", TYPES.text, ({ serverAddress }: Row) => placeOfAddress(serverAddress).host],
    ["port", TYPES.int4, ({ serverAddress }: Row) => placeOfAddress(serverAddress).port],
    ["local_addr", TYPES.text, ({ localAddress }: Row) => placeOfAddress(localAddress).host],
    ["local_port", TYPES.int4, ({ localAddress }: Row) => placeOfAddress(localAddress).port],
    ["connect_time", TYPES.text, ({ nowMs, ageMs }: Row) => timeText(nowMs - ageMs)],
    ["request_time", TYPES.text, ({ nowMs, idleMs }: Row) => timeText(nowMs - idleMs)],
    ["wait", TYPES.int4, () => 0],
    ["wait_us", TYPES.int4, () => 0],
    ["close_needed", TYPES.int4, ({ isCondemned }: Row) => (isCondemned ? 1 : 0)],
    ["ptr", TYPES.text, ({ localAddress }: Row) => localAddress],
    ["link", TYPES.text, ({ sessionIds }: Row) => sessionIds.join(",")],
    ["remote_pid", TYPES.int4, ({ processId }: Row) => processId],
    ["tls", TYPES.text, ({ isEncrypted }: Row) => (isEncrypted ? "TLS" : "")],
    ["application_name", TYPES.text, () => ""],
    ["group", TYPES.text, ({ group }: Row) => group],
    ["block", TYPES.text, ({ block }: Row) => block],
    ["transaction", TYPES.text, ({ transactionStatus }: Row) => transactionWord(transactionStatus)],
    ["pin_reason", TYPES.text, ({ pinReason }: Row) => pinReason],
    ["uses", TYPES.int8, ({ uses }: Row) => uses],
  ],
  async (asker): Promise<readonly Row[]> => {
    const { backends } = await asker.ask("listBackends", {});
    const nowMs = Date.now();
    return backends.map((backend) => ({ ...backend, nowMs }));
  },
);
