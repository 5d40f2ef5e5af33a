import {
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";

/** The file that a path leads to, through links too; the path itself when there is none. */
export function fileOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
}

/** Replaces a file as a whole: nobody ever reads half of it. Keeps its permissions; a new one has 0644. */
export function replaceFile(path: string, text: string): void {
  const target = fileOf(path);
  const mode = statSync(target, { throwIfNoEntry: false })?.mode ?? 0o644;
  const partial = `${target}.${process.pid}.partial`;
  try {
    const file = openSync(partial, "wx", mode & 0o777);
    try {
      // All of it, unlike a single write.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
