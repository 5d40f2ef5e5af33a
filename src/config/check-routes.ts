/** What must fit together in `servers.<group>.routes`. */
import type { CheckReport } from "./check-report.ts";
import type { Path } from "./config-tree.ts";
import { effectiveMode } from "./effective-mode.ts";
import { suggestion } from "./nearest-key.ts";
import type { GlobalConfig, ServerConfig } from "./schema/index.ts";

type Clients = GlobalConfig["clients"][string];
type Route = NonNullable<ServerConfig["routes"]>[number];

/** Errors and warnings about the routes of a server to the blocks of its group. */
export function checkRoutes(
  group: string,
  { routes }: ServerConfig,
  pools: GlobalConfig["pools"][string],
  clients: Clients,
  report: CheckReport,
): void {
  const path = ["servers", group, "routes"];
  if (routes === undefined) return;
  const blocks = Object.keys(clients);
  const isPooled = Object.entries(pools).some(
    ([block, pool]) => effectiveMode(pool, clients[block]) !== "passthrough",
  );
  if (!isPooled) report.error(path, "needs blocks in a pooled mode");
  const reached = new Set<string>();
  for (const [index, route] of routes.entries()) {
    for (const key of ["database", "user", "blocks"] as const) {
      if (route[key].length === 0) report.error([...path, index, key], "must not be empty");
    }
    const names = route.blocks.map((name) => name.toLowerCase());
    for (const [at, name] of names.entries()) {
      const blockPath = [...path, index, "blocks"];
      if (!blocks.includes(name)) {
        const hint = suggestion(name, blocks);
        report.error(blockPath, `"${name}" is not a block of this group${hint}`);
      } else if (names.indexOf(name) < at) {
        report.error(blockPath, `"${name}" is given twice`);
      }
      reached.add(name);
      checkDatabase([...path, index], route, name, clients, report);
    }
    const earlier = routes.findIndex((other, before) => before < index && covers(other, route));
    if (earlier >= 0) {
      report.warning([...path, index], `is never used: routes.${earlier} fits all its clients`);
    }
  }
  if (routes.length === 0) report.error(path, "must not be empty");
  for (const block of routes.length === 0 ? [] : blocks) {
    if (!reached.has(block)) report.warning(["clients", group, block], "no route leads here");
  }
}

/** A block with a login of its own has one database. */
function checkDatabase(
  path: Path,
  { database, as }: Route,
  block: string,
  clients: Clients,
  report: CheckReport,
): void {
  const own = clients[block]?.startupParams?.database;
  const asked = as === undefined ? database : [as];
  if (own === undefined || asked.every((name) => name === own || name === "*")) return;
  const key = as === undefined ? "database" : "as";
  report.error(
    [...path, key],
    `${block} has "${own}" alone, by its startupParams: give as: ${own}`,
  );
}

/** Whether every client that fits the second route fits the first. */
function covers(first: Route, second: Route): boolean {
  return (["database", "user"] as const).every(
    (key) => first[key].includes("*") || second[key].every((name) => first[key].includes(name)),
  );
}
