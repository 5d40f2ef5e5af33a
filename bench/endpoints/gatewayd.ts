import packageJson from "../../package.json" with { type: "json" };
import { oneBlockConfig, startGatewayd } from "../../tests/kit/index.ts";
import type { EndpointKind } from "./endpoint.ts";

/** The executable that `bun run build` makes, in passthrough mode, with one block and no plugins. */
export const gatewayd: EndpointKind = {
  name: "gatewayd",
  isPooling: true,
  version: packageJson.version,
  async start(options) {
    const patience = `${options.patienceSeconds}s`;
    const gateway = await startGatewayd({
      config: oneBlockConfig(`127.0.0.1:${options.serverPort}`, {
        pool: { size: options.poolSize, queueTimeout: patience },
        server: { maxConnections: options.maxClients, startupTimeout: patience },
      }),
    });
    return {
      host: gateway.host,
      port: gateway.port,
      pid: gateway.process.pid,
      [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
    };
  },
};
