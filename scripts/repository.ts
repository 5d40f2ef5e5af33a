import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Absolute path of the repository. */
export const root = dirname(import.meta.dir);

/** Path of a program that an npm package installed; to be run by {@link bun}. */
export const installedProgram = (name: string): string => `${root}/node_modules/.bin/${name}`;

/** The Bun that runs this script: the pinned one, because bootstrap.mjs chose it. */
export const bun = process.execPath;

/** Runs a command from the repository, its output going straight to ours. Resolves to its exit code. */
export async function run(
  command: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const child = Bun.spawn([...command], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return await child.exited;
}

/** Files of a folder and the folders in it, as paths from the top of the repository; none if it is not there. */
export async function filesBelow(folder: string, pattern: string): Promise<readonly string[]> {
  if (!existsSync(join(root, folder))) return [];
  const files = await Array.fromAsync(
    new Bun.Glob(`**/${pattern}`).scan({ cwd: join(root, folder) }),
  );
  return files.map((file) => `${folder}/${file}`);
}

/** Runs a command and returns what it wrote to stdout; undefined when it fails or is not there. */
export function outputOf(command: readonly string[]): string | undefined {
  if (Bun.which(command[0] ?? "") === null) return undefined;
  const result = Bun.spawnSync([...command], { cwd: root, stderr: "ignore" });
  return result.success ? result.stdout.toString().trim() : undefined;
}

/** Runs a script's work and ends the process with its exit code; a failure ends it with one line and 1. */
export async function runScript(work: () => Promise<number>): Promise<never> {
  try {
    process.exit(await work());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
