import type { Session } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { placeOfAddress } from "./place-of-address.ts";
import { activityWord } from "./session-words.ts";

/** `SHOW CLIENTS`. */
export const clientsTable = table(
  "clients",
  "The clients, as PgBouncer shows them.",
  [
    ["type", TYPES.text, () => "C"],
    ["user", TYPES.text, ({ user }: Session) => user || "(nouser)"],
    ["database", TYPES.text, ({ database }: Session) => database || "(nodb)"],
    ["state", TYPES.text, ({ activity }: Session) => activityWord(activity)],
    ["addr", TYPES.text, ({ clientAddress }: Session) => placeOfAddress(clientAddress).host],
    ["port", TYPES.int4, ({ clientAddress }: Session) => placeOfAddress(clientAddress).port],
  ],
  async (asker) => (await asker.ask("listSessions", {})).sessions,
);
