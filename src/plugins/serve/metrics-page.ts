/** The metrics of a plugin process, where plugins made with the GatewayD SDK have theirs: on a unix socket. */
import { rm } from "node:fs/promises";
import type { StartedPlugin } from "../../sdk/index.ts";

export interface MetricsPage {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * Serves them unless `METRICS_ENABLED` says not to, at `METRICS_UNIX_DOMAIN_SOCKET` if that is given.
 * @param defaultPath of the socket
 */
export function serveMetrics(
  plugin: StartedPlugin,
  env: Readonly<Record<string, string | undefined>>,
  defaultPath: string,
): MetricsPage | undefined {
  if (/^(?:0|f|false)$/i.test(env["METRICS_ENABLED"] ?? "")) return undefined;
  const path = env["METRICS_UNIX_DOMAIN_SOCKET"] ?? defaultPath;
  const server = Bun.serve({
    unix: path,
    fetch: async () =>
      new Response((await plugin.metricsText()) ?? "", {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      }),
  });
  return {
    path,
    close: async () => {
      await server.stop(true);
      await rm(path, { force: true });
    },
  };
}
