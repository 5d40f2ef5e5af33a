/** Tells when files change. */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** An editor writes a file in several steps; what follows within this time is the same change. */
const SETTLING_MS = 50;

/**
 * Calls back after any of the files has been written, replaced or removed, once for changes that come
 * together. Returns a function that ends the watch.
 *
 * @param files absolute paths
 * @param onFailure told why some of them are not watched
 */
export function watchFiles(
  files: readonly string[],
  onChange: () => void,
  onFailure: (error: unknown) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(onChange, SETTLING_MS);
  };
  const namesIn = Map.groupBy(files, dirname);
  // Their folders, because a file that is replaced is another one.
  const watchers = [...namesIn].flatMap(([directory, inside]): FSWatcher[] => {
    const names = new Set(inside.map((file) => basename(file)));
    try {
      const watcher = watch(directory, (_, name) => {
        if (name === null || names.has(name)) changed();
      });
      return [watcher.on("error", onFailure)];
    } catch (error) {
      onFailure(error);
      return [];
    }
  });
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
