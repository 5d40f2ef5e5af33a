/** Why a system call failed, in words. */
import { getSystemErrorMap } from "node:util";

/** `address already in use (EADDRINUSE)`; the message where the system gave no code. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const code = "code" in thrown ? thrown.code : undefined;
  if (typeof code !== "string") return thrown.message;
  // Bun's messages ("Failed to listen at 127.0.0.1") do not tell the reason, only the code does.
  for (const [name, words] of getSystemErrorMap().values()) {
    if (name === code) return `${words} (${code})`;
  }
  return code === "ENOTFOUND" ? `no such host (${code})` : code;
}
