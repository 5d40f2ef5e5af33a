import type { Terminal } from "./terminal.ts";

/** Tells on one line how far a download is, whenever that reads differently; nothing where nobody watches. */
export function downloadProgress(
  terminal: Terminal,
  isWatched: boolean,
): ((bytes: number, totalBytes: number | undefined) => void) | undefined {
  if (!isWatched) return undefined;
  let shown = "";
  return (bytes, totalBytes) => {
    const text = progressText(bytes, totalBytes);
    if (text === shown) return;
    shown = text;
    const isOver = bytes === totalBytes;
    // Text that cannot be written any more is told where the command writes next.
    void terminal.err(`\r${text}\u001b[K${isOver ? "\n" : ""}`);
  };
}

function progressText(bytes: number, totalBytes: number | undefined): string {
  if (totalBytes === undefined) return `  ${megabytes(bytes)} MB`;
  const percent = totalBytes === 0 ? 100 : Math.floor((bytes * 100) / totalBytes);
  return `  ${String(percent).padStart(3)} % of ${megabytes(totalBytes)} MB`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
