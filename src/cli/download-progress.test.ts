import { expect, test } from "bun:test";
import { downloadProgress } from "./download-progress.ts";

function shownBy(
  steps: readonly (readonly [bytes: number, total: number | undefined])[],
): string[] {
  const shown: string[] = [];
  const print = async (text: string): Promise<void> => void shown.push(text);
  const onProgress = downloadProgress({ out: print, err: print }, true);
  for (const [bytes, total] of steps) onProgress?.(bytes, total);
  return shown;
}

test("a download tells each percent once, and ends its line", () => {
  expect(
    shownBy([
      [0, 2e6],
      [19_999, 2e6],
      [20_000, 2e6],
      [2e6, 2e6],
    ]),
  ).toEqual([
    "\r    0 % of 2.0 MB\u001b[K",
    "\r    1 % of 2.0 MB\u001b[K",
    "\r  100 % of 2.0 MB\u001b[K\n",
  ]);
});

test("a download of unknown length tells its megabytes", () => {
  expect(
    shownBy([
      [100_000, undefined],
      [120_000, undefined],
      [240_000, undefined],
    ]),
  ).toEqual(["\r  0.1 MB\u001b[K", "\r  0.2 MB\u001b[K"]);
});

test("nobody who watches is told nothing", () => {
  const print = async (): Promise<void> => {};
  expect(downloadProgress({ out: print, err: print }, false)).toBeUndefined();
});
