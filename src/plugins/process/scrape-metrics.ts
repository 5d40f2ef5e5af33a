/** Reads the metrics page that a plugin serves on a unix socket. */
import { GatewayError } from "../../errors.ts";
import type { PluginDescription } from "../plugin-host.ts";

/** A page is some tens of KiB. What is far more is no metrics page, and nothing else goes on while one is read. */
const MAX_PAGE_BYTES = 4 << 20;

/** What Go's strconv takes for true, which plugins made with the SDK go by. */
const TRUE_WORDS = ["1", "t", "T", "TRUE", "true", "True"];

/** The page; undefined when the plugin says that it has none. Rejects when there should be one. */
export async function scrapeMetrics(
  { config }: PluginDescription,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { metricsEnabled = "", metricsUnixDomainSocket: path = "" } = config;
  const { metricsEndpoint = "/metrics" } = config;
  if (!TRUE_WORDS.includes(metricsEnabled) || path === "") return undefined;
  const response = await fetch(new URL(metricsEndpoint, "http://localhost"), {
    unix: path,
    signal,
  });
  const failed = (reason: string) =>
    new GatewayError("ERR_PLUGIN_METRICS", `the metrics at ${path} cannot be used: ${reason}`);
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw failed(`HTTP status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  for await (const chunk of response.body) {
    byteLength += chunk.length;
    if (byteLength > MAX_PAGE_BYTES) throw failed(`more than ${MAX_PAGE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
