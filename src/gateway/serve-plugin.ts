import { serveModule } from "../plugins/index.ts";
import type { ServeOptions } from "../plugins/index.ts";
import { StopSignals } from "./stop-signals.ts";

/**
 * Serves a module as a plugin process until its host, or a signal, ends it. Ctrl+C in a terminal is meant for the
 * gateway there, which will end its plugins itself.
 * @throws GatewayError when it cannot be served
 */
export async function servePlugin(options: Omit<ServeOptions, "stopped">): Promise<void> {
  const signals = new StopSignals();
  try {
    await serveModule({ ...options, stopped: lastSignal(signals) });
  } finally {
    signals.dispose();
  }
}

async function lastSignal(signals: StopSignals): Promise<void> {
  while ((await signals.next()) === "SIGINT");
}
