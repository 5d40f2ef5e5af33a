/** What must fit together in the `startupParams` of blocks that clients are spread over. */
import type { CheckReport } from "./check-report.ts";
import type { GlobalConfig } from "./schema/index.ts";

/**
 * A client may be led to any of these blocks, and while it waits from one to another that is up again: all
 * must have the same database for it.
 */
export function checkLogins(
  group: string,
  blocks: readonly string[],
  clients: GlobalConfig["clients"][string],
  report: CheckReport,
): void {
  const databaseOf = (block: string) => clients[block]?.startupParams?.database;
  const first = blocks.find((block) => databaseOf(block) !== undefined);
  if (first === undefined) return;
  const database = databaseOf(first);
  for (const block of blocks) {
    const path = ["clients", group, block];
    const other = databaseOf(block);
    if (other === undefined) {
      const message = `needs startupParams with database: ${database}, as ${first} has them: clients are spread over both`;
      report.error(path, message);
    } else if (other !== database) {
      const message = `must be "${database}", as in ${first}: clients are spread over both`;
      report.error([...path, "startupParams", "database"], message);
    }
  }
}
