/** Writes parsed configurations back as YAML, in the notation of the files. */
import { formatByteSize, formatDuration, type KeySpec } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";
import { isBranch } from "./value-origins.ts";

/** What goes around the values; paths are dotted. */
export interface YamlNotes {
  /** Lines above a key, without the `#`. */
  above?(path: string, spec: KeySpec): readonly string[];
  /** A remark behind a single value, without the `#`. */
  behind?(path: string, spec: KeySpec): string | undefined;
  /** Another text in place of a single value. */
  instead?(path: string, value: unknown, spec: KeySpec): string | undefined;
  /** Whether a key is written as a comment. */
  isComment?(path: string, spec: KeySpec): boolean;
}

/** The lines of a map; `indent` is the text before each. */
export function writeYaml(
  value: object,
  spec: KeySpec,
  notes: YamlNotes,
  indent = "",
  parentPath = "",
): string[] {
  return Object.entries(value).flatMap(([key, child]: [string, unknown]) => {
    const path = parentPath === "" ? key : `${parentPath}.${key}`;
    const below = childSpec(spec, key);
    if (below === undefined || child === undefined) return [];
    const above = (notes.above?.(path, below) ?? []).map((line) => `${indent}# ${line}`);
    const start = `${indent}${notes.isComment?.(path, below) === true ? "# " : ""}${writeText(key)}:`;
    if (!isBranch(child, below)) {
      return [...above, `${start} ${writeLeaf(path, child, below, notes)}`];
    }
    if (Array.isArray(child)) {
      const items: readonly unknown[] = child;
      const lines = items.flatMap((item, index) =>
        writeItem(item, below, notes, indent, `${path}.${index}`),
      );
      return [...above, start, ...lines];
    }
    const lines = writeYaml(child, below, notes, `${indent}  `, path);
    return lines.length === 0 ? [...above, `${start} {}`] : [...above, start, ...lines];
  });
}

/** A map as an entry of a list: its first key stands behind the dash. */
function writeItem(
  item: unknown,
  list: KeySpec,
  notes: YamlNotes,
  indent: string,
  path: string,
): string[] {
  const below = childSpec(list, 0);
  if (below === undefined || typeof item !== "object" || item === null) return [];
  const lines = writeYaml(item, below, notes, `${indent}    `, path);
  return lines.map((line, index) => (index === 0 ? `${indent}  - ${line.trimStart()}` : line));
}

function writeLeaf(path: string, value: unknown, spec: KeySpec, notes: YamlNotes): string {
  const remark = notes.behind?.(path, spec);
  const text = notes.instead?.(path, value, spec) ?? writeValue(value, spec);
  return remark === undefined ? text : `${text} # ${remark}`;
}

/** A single value, or a list of them, on one line. */
export function writeValue(value: unknown, spec: KeySpec): string {
  const shown = toNotation(value, spec);
  if (Array.isArray(shown)) return `[${shown.map((item) => writePlain(item)).join(", ")}]`;
  return writePlain(shown);
}

/** A parsed value as it would be given in a file: `1m0s` for 60000, `1GiB`, `"0777"`. */
export function toNotation(value: unknown, spec: KeySpec): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => toNotation(item, childSpec(spec, 0) ?? spec));
    return spec.info.isSingleOrList === true && items.length === 1 ? items[0] : items;
  }
  if (typeof value !== "number") return value;
  if (spec.info.scalar === "duration") return formatDuration(value);
  if (spec.info.scalar === "size") return formatByteSize(value);
  return spec.info.scalar === "mode" ? `0${value.toString(8)}` : value;
}

function writePlain(value: unknown): string {
  return typeof value === "string" ? writeText(value) : JSON.stringify(value);
}

/** Names, paths and addresses; addresses by number; durations; sizes. */
const PLAIN_TEXTS = [
  /^[A-Za-z_/][\w./+-]*(:[\w./+-]+)*$/,
  /^\d[\d.]*:\d+$/,
  /^(\d+(\.\d+)?(ns|µs|ms|s|m|h))+$/,
  /^\d+[KMG]iB$/,
];

/** A text without quotes where YAML reads it as the same text. */
function writeText(text: string): string {
  const isPlain = PLAIN_TEXTS.some((pattern) => pattern.test(text));
  const isWord = /^(true|false|yes|no|on|off|y|n|null)$/i.test(text);
  return isPlain && !isWord ? text : JSON.stringify(text);
}
