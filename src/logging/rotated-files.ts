/**
 * Files that a log file has become: `gatewayd-2024-03-02T13-24-51.987.log`, with `.gz` once compressed. Named as
 * GatewayD names them, so that what collects or removes them goes on working.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

const DAY_MS = 86_400_000;
const COMPRESSED = ".gz";
/** An attempt to compress that did not come to its end. */
const UNFINISHED = ".gz.tmp";
const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)\.(\d{3})$/;

export interface RotationSettings {
  /** Rotated files to keep; 0 keeps any number. */
  readonly maxBackups: number;
  /** Days to keep them; 0 keeps them for ever. */
  readonly maxAge: number;
  readonly compress: boolean;
  /** Names tell the local time, not UTC. */
  readonly localTime: boolean;
}

/** The name that a log file gets when it is rotated at that moment (milliseconds since 1970). */
export function rotatedName(path: string, timeMs: number, isLocalTime: boolean): string {
  const { prefix, extension } = partsOf(path);
  const date = new Date(timeMs);
  const offsetMs = isLocalTime ? date.getTimezoneOffset() * 60_000 : 0;
  const time = new Date(timeMs - offsetMs).toISOString().slice(0, -1).replaceAll(":", "-");
  return join(dirname(path), `${prefix}${time}${extension}`);
}

/** Removes the rotated files of a log file that are too many or too old, and compresses the others. */
export async function tidyRotated(
  path: string,
  settings: RotationSettings,
  nowMs: number,
): Promise<void> {
  const { maxBackups, maxAge, compress, localTime } = settings;
  const rotated = await rotatedFiles(path, localTime);
  const oldestMs = maxAge > 0 ? nowMs - maxAge * DAY_MS : Number.NEGATIVE_INFINITY;
  for (const [index, { timeMs, files }] of rotated.entries()) {
    const isKept = (maxBackups === 0 || index < maxBackups) && timeMs >= oldestMs;
    for (const file of files) {
      if (!isKept) await rm(file, { force: true });
      else if (compress && !file.endsWith(COMPRESSED)) await compressFile(file);
    }
  }
}

/** Newest first; a file and its compressed form count as one. */
async function rotatedFiles(
  path: string,
  isLocalTime: boolean,
): Promise<readonly { readonly timeMs: number; readonly files: readonly string[] }[]> {
  const directory = dirname(path);
  const { prefix, extension } = partsOf(path);
  const found = new Map<number, string[]>();
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue;
    const file = join(directory, name);
    const ending = [extension, extension + COMPRESSED, extension + UNFINISHED].find((each) =>
      timeOf(name, prefix, each, isLocalTime),
    );
    if (ending === undefined) continue;
    if (ending.endsWith(UNFINISHED)) {
      await rm(file, { force: true });
      continue;
    }
    const timeMs = timeOf(name, prefix, ending, isLocalTime) ?? 0;
    found.set(timeMs, [...(found.get(timeMs) ?? []), file]);
  }
  return [...found]
    .map(([timeMs, files]) => ({ timeMs, files }))
    .sort((a, b) => b.timeMs - a.timeMs);
}

/** Undefined for a file that only looks alike. */
function timeOf(
  name: string,
  prefix: string,
  ending: string,
  isLocalTime: boolean,
): number | undefined {
  if (!name.endsWith(ending)) return undefined;
  const match = TIME.exec(name.slice(prefix.length, name.length - ending.length));
  if (match === null) return undefined;
  const [, year, month, day, hours, minutes, seconds, ms] = match;
  const text = `${year}-${month}-${day}T${hours}:${minutes}:${seconds}.${ms}`;
  return Date.parse(isLocalTime ? text : `${text}Z`) || undefined;
}

/** Under another name until it is whole: a compressed file is never half of one. */
async function compressFile(file: string): Promise<void> {
  const unfinished = file + UNFINISHED;
  const { mode } = await stat(file);
  try {
    await pipeline(createReadStream(file), createGzip(), createWriteStream(unfinished, { mode }));
    await rename(unfinished, file + COMPRESSED);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await rm(file, { force: true });
}

function partsOf(path: string): { readonly prefix: string; readonly extension: string } {
  const extension = extname(path);
  return { prefix: `${basename(path, extension)}-`, extension };
}
