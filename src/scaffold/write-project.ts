import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ProjectFiles } from "./project-files.ts";

/**
 * Writes the files of a project into a new directory: all of them, or none.
 * @returns their paths, sorted
 * @throws Error when the directory exists
 */
export function writeProject(directory: string, files: ProjectFiles): readonly string[] {
  if (existsSync(directory)) throw new Error(`${directory} exists already`);
  mkdirSync(dirname(directory), { recursive: true });
  const partial = mkdtempSync(`${directory}.`);
  try {
    for (const [path, content] of files) {
      const file = join(partial, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    renameSync(partial, directory);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
  return [...files.keys()].map((path) => join(directory, path)).toSorted();
}
