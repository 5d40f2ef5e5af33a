/** Whether an executable is the one that was meant. */
import { timingSafeEqual } from "node:crypto";
import { GatewayError } from "../../errors.ts";

/** Rejects unless the file has this SHA-256 (64 hexadecimal digits). */
export async function verifyChecksum(path: string, checksum: string): Promise<void> {
  const hash = new Bun.CryptoHasher("sha256");
  try {
    for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  } catch (cause) {
    throw new GatewayError("ERR_PLUGIN_EXEC", `${path} cannot be read`, { cause });
  }
  const actual = hash.digest();
  const expected = Buffer.from(checksum, "hex");
  if (expected.length === actual.length && timingSafeEqual(actual, expected)) return;
  throw new GatewayError(
    "ERR_PLUGIN_CHECKSUM",
    `${path} has the SHA-256 ${actual.toString("hex")}, and its entry says ${checksum === "" ? "none" : checksum}`,
  );
}
