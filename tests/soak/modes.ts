import { type GatewaydProcess, oneBlockConfig, startGatewayd } from "../kit/index.ts";

/** A way in which clients share server connections. */
export interface SharingMode {
  readonly name: string;
  /** Keys of the pool. */
  readonly pool: Readonly<Record<string, unknown>>;
}

export const SHARING_MODES: readonly SharingMode[] = [
  { name: "in transaction mode", pool: { mode: "transaction" } },
  { name: "at depth 4", pool: { mode: "transaction", multiplexDepth: 4 } },
];

/** Starts the executable with a pool of a size; clients are trusted. */
export async function startSharing(
  { pool }: SharingMode,
  serverAddress: string,
  size: number,
): Promise<GatewaydProcess> {
  const config = oneBlockConfig(serverAddress, {
    pool: { size, ...pool },
    server: { auth: { method: "trust" } },
  });
  return await startGatewayd({ config });
}
