import type { NoticeFields } from "../../postgres/index.ts";
import type { Asking } from "./asker.ts";
import { notice } from "./console-result.ts";
import type { ConsoleResult } from "./console-result.ts";

/** `RELOAD`: tells what is different now. @throws GatewayError telling all that is wrong with the files */
export async function reload(asker: Asking): Promise<ConsoleResult> {
  const { changed, needsRestart, warnings } = await asker.ask("reload", {});
  const notices = [
    ...warnings.map(warning),
    ...needsRestart.map((path) => warning(`needs a restart: ${path}`)),
    notice(changed.length === 0 ? "nothing has changed" : `changed: ${changed.join(", ")}`),
  ];
  return { tag: "RELOAD", notices };
}

function warning(message: string): NoticeFields {
  return { severity: "WARNING", sqlState: "01000", message };
}
