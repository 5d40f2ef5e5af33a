/** Keys that differ from the ordinary: each object is merged into its part of the configuration. */
export interface OneBlockOptions {
  readonly server?: Readonly<Record<string, unknown>>;
  readonly client?: Readonly<Record<string, unknown>>;
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly proxy?: Readonly<Record<string, unknown>>;
  readonly logger?: Readonly<Record<string, unknown>>;
  /** Level of the log. Default `info`. */
  readonly level?: string;
  /** Whole parts of the configuration besides these, or in their place: `api`, `metrics`, `tracing`. */
  readonly parts?: object;
}

/**
 * Text of a gatewayd.yaml (JSON is YAML) with one group and one block of four backends, listening on a port
 * that the kernel chooses.
 */
export function oneBlockConfig(serverAddress: string, options: OneBlockOptions = {}): string {
  return JSON.stringify(
    {
      loggers: { default: { level: options.level ?? "info", noColor: true, ...options.logger } },
      clients: { default: { writes: { address: serverAddress, ...options.client } } },
      pools: { default: { writes: { size: 4, ...options.pool } } },
      proxies: { default: { writes: { ...options.proxy } } },
      servers: { default: { address: "127.0.0.1:0", ...options.server } },
      ...options.parts,
    },
    undefined,
    2,
  );
}
