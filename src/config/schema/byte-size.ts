/** Sizes in bytes as the configuration files write them. */

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** The notation of {@link parseByteSize} as a regular expression, for JSON Schema. */
export const BYTE_SIZE_PATTERN = "^\\d+(\\.\\d+)? ?([KkMmGg][Ii]?[Bb]|[Bb])?$";

/** The bytes of `1048576`, `64KiB`, `1.5 MiB`, `1GB` (decimal units count by 1000). */
export function parseByteSize(input: string | number): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(input).trim());
  const unit = BYTES_PER_UNIT[match?.[2]?.toLowerCase() ?? "?"];
  if (match === null || unit === undefined) return undefined;
  const bytes = Number(match[1]) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes in the largest binary unit that fits without a remainder: `1GiB`, `64KiB`, `1000`. */
export function formatByteSize(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}
