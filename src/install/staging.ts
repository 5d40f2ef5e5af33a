import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InstallError } from "./install-error.ts";

/**
 * A directory inside the output directory, where everything is made ready, so that putting it in place is a matter
 * of renaming. Afterwards it is gone, and so is the output directory if it was made for nothing.
 */
export class Staging {
  readonly #outputDir: string;
  /** The outermost directory that had to be made. */
  readonly #madeDir: string | undefined;
  readonly #directory: string;
  readonly #paths: string[] = [];

  constructor(outputDir: string) {
    this.#outputDir = resolve(outputDir);
    const made = mkdirSync(this.#outputDir, { recursive: true });
    this.#madeDir = made === undefined ? undefined : resolve(made);
    this.#directory = mkdtempSync(join(this.#outputDir, ".installing-"));
  }

  /** The place of a file that is to become `path` of the output directory. */
  pathOf(path: string): string {
    const staged = join(this.#directory, "new", path);
    mkdirSync(dirname(staged), { recursive: true });
    if (!this.#paths.includes(path)) this.#paths.push(path);
    return staged;
  }

  /** Makes a file that is to become `path` of the output directory. */
  write(path: string, content: Uint8Array, mode: number): void {
    writeFileSync(this.pathOf(path), content, { mode });
  }

  /** Leaves a file out. */
  discard(path: string): void {
    rmSync(this.pathOf(path), { force: true });
    this.#paths.splice(this.#paths.indexOf(path), 1);
  }

  /**
   * Puts all files in place, then calls `conclude`. At once: no signal comes in between.
   * @throws what goes wrong, after everything is as it was before
   */
  commit(conclude: () => void): void {
    const undo: (() => void)[] = [];
    try {
      for (const path of this.#paths) {
        const target = join(this.#outputDir, path);
        const aside = join(this.#directory, "old", path);
        const made = mkdirSync(dirname(target), { recursive: true });
        if (made !== undefined) undo.push(() => rmSync(made, { recursive: true }));
        const there = statSync(target, { throwIfNoEntry: false });
        if (there?.isDirectory() === true) throw new InstallError(`${target} is a directory`);
        if (there !== undefined) {
          mkdirSync(dirname(aside), { recursive: true });
          renameSync(target, aside);
          undo.push(() => renameSync(aside, target));
        }
        renameSync(this.pathOf(path), target);
        undo.push(() => rmSync(target));
      }
      conclude();
    } catch (error) {
      for (const each of undo.toReversed()) each();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
    if (this.#madeDir === undefined) return;
    // Up to the directory that was made first, as long as nothing is inside.
    const outermost = dirname(this.#madeDir);
    for (let at = this.#outputDir; at !== outermost && at !== dirname(at); at = dirname(at)) {
      if (readdirSync(at).length > 0) return;
      rmdirSync(at);
    }
  }
}
