/**
 * The `options` of a StartupMessage: command-line arguments for the server (PostgreSQL manual, 54.7,
 * and the `options` parameter of libpq), of which only those that set something are known here.
 */
import { GatewayError } from "../errors.ts";

/**
 * @param options `-c name=value`, `-cname=value` or `--name=value`, between white space, with `\` before
 *   a character that is meant as itself
 * @returns what is set, in order; names as PostgreSQL takes them, `-` for `_`
 * @throws GatewayError ERR_PROTOCOL_VIOLATION for any other argument
 */
export function readStartupOptions(options: string): readonly (readonly [string, string])[] {
  const settings: [string, string][] = [];
  const words = splitArguments(options);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    let setting: string | undefined;
    if (word === "-c") setting = words[++at];
    else if (word.startsWith("-c") || word.startsWith("--")) setting = word.slice(2);
    const equals = setting?.indexOf("=") ?? -1;
    if (setting === undefined || equals <= 0) {
      throw new GatewayError(
        "ERR_PROTOCOL_VIOLATION",
        `cannot use ${JSON.stringify(word)} in the startup options: only -c name=value and --name=value`,
      );
    }
    settings.push([setting.slice(0, equals).replaceAll("-", "_"), setting.slice(equals + 1)]);
  }
  return settings;
}

/** Like PostgreSQL's pg_split_opts: white space separates, a backslash takes the next character in. */
function splitArguments(options: string): readonly string[] {
  return (options.match(/(?:\\[^]|[^\s\\])+/g) ?? []).map((word) => word.replace(/\\([^])/g, "$1"));
}
