/** Values of fields on their way into text: whatever they are, a record can be written. */

/** Longest chain of causes that is followed; chains may be circles. */
const MAX_CAUSES = 8;

/** What the text of a value is made from: an Error becomes its message, bytes become base64. */
export function plainValue(value: unknown): unknown {
  try {
    if (value instanceof Error) return errorText(value);
    if (value instanceof Uint8Array) return value.toBase64();
    if (typeof value === "bigint") return value.toString();
    return value;
  } catch (error) {
    return unwritable(error);
  }
}

/** The value in JSON; undefined if JSON has no such value, as for undefined itself. */
export function valueToJson(value: unknown): string | undefined {
  // Most are plain, and need not be looked into.
  if (typeof value === "string" || typeof value === "number") return JSON.stringify(value);
  try {
    return JSON.stringify(plainValue(value), (_key, nested: unknown) => plainValue(nested));
  } catch (error) {
    return JSON.stringify(unwritable(error));
  }
}

/** The message, followed by those of the causes that it does not already contain. */
function errorText(error: Error): string {
  let text = error.message === "" ? error.name : error.message;
  let cause = error.cause;
  for (let depth = 0; depth < MAX_CAUSES && cause !== undefined && cause !== null; depth += 1) {
    // oxlint-disable-next-line typescript/no-base-to-string -- a cause may be anything at all
    const message = cause instanceof Error ? cause.message : String(cause);
    if (!text.includes(message)) text += `: ${message}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return text;
}

/** Stands for a value whose own code throws, or which contains itself. */
function unwritable(error: unknown): string {
  return `[cannot be written: ${error instanceof Error ? error.message : typeof error}]`;
}
