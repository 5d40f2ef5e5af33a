import type { Session } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { activityWord, transactionWord } from "./session-words.ts";

/** `SHOW SESSIONS`. */
export const sessionsTable = table(
  "sessions",
  "The clients: what KILL and CANCEL take is the id.",
  [
    ["id", TYPES.text, ({ id }: Session) => id],
    ["group", TYPES.text, ({ group }: Session) => group],
    ["block", TYPES.text, ({ block }: Session) => block],
    ["user", TYPES.text, ({ user }: Session) => user],
    ["database", TYPES.text, ({ database }: Session) => database],
    ["application_name", TYPES.text, ({ applicationName }: Session) => applicationName],
    ["client_address", TYPES.text, ({ clientAddress }: Session) => clientAddress],
    ["encrypted", TYPES.bool, ({ isEncrypted }: Session) => isEncrypted],
    ["activity", TYPES.text, ({ activity }: Session) => activityWord(activity)],
    [
      "transaction",
      TYPES.text,
      ({ transactionStatus }: Session) => transactionWord(transactionStatus),
    ],
  ],
  async (asker) => (await asker.ask("listSessions", {})).sessions,
);
