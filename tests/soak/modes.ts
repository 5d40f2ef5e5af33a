import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GATEWAYD_BINARY,
  type GatewaydProcess,
  oneBlockConfig,
  runToEnd,
  startGatewayd,
} from "../kit/index.ts";

/** A way in which clients share server connections. */
export interface SharingMode {
  readonly name: string;
  /** Keys of the pool. */
  readonly pool: Readonly<Record<string, unknown>>;
}

const MODES: readonly SharingMode[] = [
  { name: "in transaction mode", pool: { mode: "transaction" } },
  { name: "at depth 4", pool: { mode: "transaction", multiplexDepth: 4 } },
];

/** The modes that the executable knows; the names of the others. */
export async function sharingModes(): Promise<{
  readonly known: readonly SharingMode[];
  readonly unknown: readonly string[];
}> {
  const answers = await Promise.all(MODES.map(isKnown));
  return {
    known: MODES.filter((_, index) => answers[index]),
    unknown: MODES.filter((_, index) => !answers[index]).map(({ name }) => name),
  };
}

/** Starts the executable with a pool of a size; clients are trusted. */
export async function startSharing(
  mode: SharingMode,
  serverAddress: string,
  size: number,
): Promise<GatewaydProcess> {
  return await startGatewayd({ config: configOf(mode, serverAddress, size) });
}

function configOf({ pool }: SharingMode, serverAddress: string, size: number): string {
  return oneBlockConfig(serverAddress, {
    pool: { size, ...pool },
    server: { auth: { method: "trust" } },
  });
}

async function isKnown(mode: SharingMode): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-soak-"));
  try {
    const file = join(directory, "gatewayd.yaml");
    await writeFile(file, configOf(mode, "127.0.0.1:5432", 1));
    const lint = await runToEnd([GATEWAYD_BINARY, "config", "lint", "--config", file]);
    if (lint.code === 0) return true;
    const output = `${lint.stdout}${lint.stderr}`;
    if (output.includes("not available in this version")) return false;
    throw new Error(`the configuration is refused: ${output}`);
  } finally {
    await rm(directory, { recursive: true });
  }
}
