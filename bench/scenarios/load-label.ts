import type { PgbenchLoad } from "../measure/index.ts";

/** What a load is called in tables: its kind, a comma, its clients. */
export function labelOf({ script, protocol, clients, isReconnecting }: PgbenchLoad): string {
  const kind = script === "writes" ? "writes" : isReconnecting ? "reconnecting" : protocol;
  return `${kind}, ${clients} ${clients === 1 ? "client" : "clients"}`;
}
