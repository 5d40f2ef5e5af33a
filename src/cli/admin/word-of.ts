/** A value of an enum of proto/ for people: `SESSION_ACTIVITY_LOGGING_IN` is `logging in`. */
export function wordOf(value: string): string {
  const word = value
    .replace(/^(SESSION_ACTIVITY|TRANSACTION_STATUS|BACKEND_STATE)_/, "")
    .toLowerCase();
  return word === "unspecified" ? "" : word.replaceAll("_", " ");
}
