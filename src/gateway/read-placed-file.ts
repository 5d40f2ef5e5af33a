/** Reads files whose faults have places. */
import { readFileSync } from "node:fs";
import type { FileProblem } from "../auth/index.ts";
import { GatewayError } from "../errors.ts";

/**
 * What `read` makes of the text of a file.
 * @param what the file, for messages, e.g. `users file`
 * @throws GatewayError ERR_CONFIG_INVALID naming everything that is wrong in it, or why it cannot be read
 */
export function readPlacedFile<T extends { readonly problems: readonly FileProblem[] }>(
  file: string,
  what: string,
  read: (text: string) => T,
): T {
  const content = read(readText(file, what));
  if (content.problems.length === 0) return content;
  const places = content.problems.map(
    ({ line, column, message }) => `${file}:${line}:${column}: ${message}`,
  );
  throw new GatewayError("ERR_CONFIG_INVALID", places.join("\n"));
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    const { message } = GatewayError.from(thrown);
    throw new GatewayError("ERR_CONFIG_INVALID", `cannot use the ${what} ${file}: ${message}`, {
      cause: thrown,
    });
  }
}
