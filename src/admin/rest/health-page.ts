/** What load balancers, containers and orchestrators ask for. */
import type { AdminPort } from "../admin-port.ts";
import { isServing } from "../is-serving.ts";

/**
 * `/livez`: the event loop runs, or there would be no answer. `/readyz` and `/healthz`: clients are served.
 * Undefined: it is another page.
 */
export function healthPage(
  path: string,
  isVerbose: boolean,
  port: AdminPort,
): Response | undefined {
  if (path === "/livez") return Response.json({ status: "SERVING" });
  if (path !== "/readyz" && path !== "/healthz") return undefined;
  const current = port.status();
  const isReady = isServing(current);
  const { phase, reasons } = current;
  const details = isVerbose ? { phase, reasons, groups: groupsOf(port) } : {};
  return Response.json(
    { status: isReady ? "SERVING" : "NOT_SERVING", ...details },
    { status: isReady ? 200 : 503 },
  );
}

function groupsOf(port: AdminPort) {
  return port.groups().map(({ group, listening, clients, blocks }) => ({
    group,
    listening,
    clients,
    blocks: blocks.map(({ block, size, available, leased, waiting }) => ({
      block,
      size,
      available,
      leased,
      waiting,
    })),
  }));
}
