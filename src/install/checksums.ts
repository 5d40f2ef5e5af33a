import { basename } from "node:path";

/**
 * The SHA-256 of a file in a list as sha256sum writes it: `<hash>  <name>`, `<hash> *<name>`.
 * @returns 64 lower-case hexadecimal digits; undefined when no line names the file
 */
export function checksumFor(fileName: string, list: string): string | undefined {
  for (const line of list.split("\n")) {
    const [, checksum, name = ""] = /^([0-9a-f]{64})\s+\*?(.+?)\s*$/i.exec(line) ?? [];
    if (checksum !== undefined && basename(name) === fileName) return checksum.toLowerCase();
  }
  return undefined;
}

/** SHA-256, 64 lower-case hexadecimal digits. */
export function checksumOf(content: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(content).digest("hex");
}
