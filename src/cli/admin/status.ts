import { formatDuration } from "../../config/index.ts";
import { readStatus } from "./answers.ts";
import { apiCommand } from "./api-command.ts";

/** `gatewayd status`. */
export const statusCommand = apiCommand({
  name: "status",
  summary: "Show whether the gateway serves, since when, and how many clients it has",
  ask: (client) => client.get("/api/v1/status"),
  show(answer) {
    const { versionInfo, phase, reasons, uptimeSeconds, pid, groups } = readStatus(answer);
    const lines = [
      versionInfo,
      `${phase.replace("PHASE_", "").toLowerCase()}, pid ${pid}, up ${formatDuration(Math.floor(uptimeSeconds) * 1_000)}`,
      ...reasons.map((reason) => `not ready: ${reason}`),
      ...groups.map(
        ({ group, addresses, clients }) =>
          `${group}: ${clients} ${clients === 1 ? "client" : "clients"} at ${addresses.join(", ") || "no address"}`,
      ),
    ];
    return `${lines.join("\n")}\n`;
  },
});
