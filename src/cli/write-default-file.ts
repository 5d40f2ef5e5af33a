import { existsSync, writeFileSync } from "node:fs";
import type { Terminal } from "./terminal.ts";

/** The file a command writes when none is named: where the gateway would find it, else in `./`. */
export function defaultFilePath(fileName: string): string {
  const systemPath = `/etc/${fileName}`;
  return !existsSync(fileName) && existsSync(systemPath) ? systemPath : fileName;
}

/**
 * Writes `content` to `path` (mode 0644) and says so on stderr; resolves with the exit code. An
 * existing file is left alone unless `isForced`; that and a failure are told on stdout. The streams and
 * texts are those that scripts around the original know; it leaves out the line's end.
 */
export async function writeDefaultFile(
  terminal: Terminal,
  { path, content, isForced }: { path: string; content: string; isForced: boolean },
): Promise<number> {
  const exists = existsSync(path);
  if (exists && !isForced) {
    await terminal.out(
      "Config file already exists. Use --force to overwrite or choose a different filename.\n",
    );
    return 1;
  }
  try {
    writeFileSync(path, content, { mode: 0o644, flag: isForced ? "w" : "wx" });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await terminal.out(`Config file '${path}' could not be written: ${reason}\n`);
    return 1;
  }
  const verb = exists ? "overwritten" : "created";
  await terminal.err(`Config file '${path}' was ${verb} successfully.\n`);
  return 0;
}
