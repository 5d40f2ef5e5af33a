/** Why a plugin is not installed, in words for whoever asked for it. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

/** What went wrong, in the words of whoever threw it. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
