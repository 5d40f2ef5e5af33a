import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW VERSION`. */
export const versionTable = table(
  "version",
  "What runs.",
  [["version", TYPES.text, (version: string) => version]],
  async (asker) => {
    const { version } = await asker.ask("getStatus", {});
    return [`gatewayd ${version}`];
  },
);
