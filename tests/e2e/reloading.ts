import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GatewaydProcess } from "../kit/index.ts";

/** What is different in the files from now on. */
export interface ChangedFiles {
  /** Text of gatewayd.yaml. */
  readonly config?: string;
  /** Text of gatewayd_plugins.yaml. */
  readonly plugins?: string;
}

/** Writes the files, has them read again, and waits for the end of that. @returns whether they are in effect */
export async function reload(gatewayd: GatewaydProcess, files: ChangedFiles): Promise<boolean> {
  const { config, plugins } = files;
  if (config !== undefined) await writeFile(join(gatewayd.directory, "gatewayd.yaml"), config);
  if (plugins !== undefined) {
    await writeFile(join(gatewayd.directory, "gatewayd_plugins.yaml"), plugins);
  }
  const since = gatewayd.process.lineCount;
  gatewayd.process.kill("SIGHUP");
  const line = await gatewayd.process.waitForLine(
    /Reloaded the configuration|Failed to reload the configuration/,
    { since, deadlineMs: 30_000 },
  );
  return line.includes("Reloaded");
}
