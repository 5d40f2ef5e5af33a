import type { GatewayStatus } from "./admin-port.ts";

/** What load balancers and orchestrators are told, by whatever door they ask: whether clients are served, of every group. */
export function isServing({ phase, reasons }: GatewayStatus): boolean {
  return phase === "serving" && reasons.length === 0;
}
