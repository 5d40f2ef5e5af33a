import { heapStats } from "bun:jsc";

/** Bytes that the heap of this process holds, garbage taken away. */
export function heldBytes(): number {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}
