import { basename } from "node:path";

/** `checksums.txt` of some files: their SHA-256 and names, as `sha256sum --check` reads them. */
export async function checksumsOf(paths: readonly string[]): Promise<string> {
  const lines = paths.map(async (path) => {
    const hash = new Bun.CryptoHasher("sha256");
    hash.update(await Bun.file(path).bytes());
    return `${hash.digest("hex")}  ${basename(path)}\n`;
  });
  return (await Promise.all(lines)).join("");
}
