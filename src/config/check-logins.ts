/** What must fit together in the `startupParams` of blocks that clients are spread over. */
import type { CheckReport } from "./check-report.ts";
import type { GlobalConfig, ServerConfig } from "./schema/index.ts";

type Clients = GlobalConfig["clients"][string];

/**
 * A client may be led to any of these blocks, and while it waits from one to another that is up again: all
 * must have the same database for it.
 */
export function checkLogins(
  group: string,
  blocks: readonly string[],
  clients: Clients,
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

/** A route leads to the database that its blocks are logged in to, or its clients are all refused. */
export function checkRoutedLogins(
  group: string,
  { routes = [] }: ServerConfig,
  clients: Clients,
  report: CheckReport,
): void {
  for (const [index, { database: asked, blocks, as }] of routes.entries()) {
    const path = ["servers", group, "routes", index];
    for (const block of blocks.map((name) => name.toLowerCase())) {
      const database = clients[block]?.startupParams?.database;
      if (database === undefined) continue;
      const isAsked = asked.includes(database) || asked.includes("*");
      if (as === undefined ? isAsked : as === database) continue;
      const [at, what] = as === undefined ? [path, "as must be"] : [[...path, "as"], "must be"];
      report.error(at, `${what} "${database}", which startupParams of ${block} logs in to`);
      break;
    }
  }
}
