import { apiCommand } from "./api-command.ts";

/** `gatewayd drain`. */
export const drainCommand = apiCommand({
  name: "drain",
  summary: "Let clients finish, and then end the gateway",
  description: `New clients are not accepted any more. Those that are there finish their transactions, each group up to
its drainTimeout; then the gateway ends, as after SIGTERM.`,
  ask: (client) => client.post("/api/v1/drain"),
  show: () => "The gateway is draining\n",
});
