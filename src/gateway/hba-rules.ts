/** The pg_hba-style file of a group: read at start, and again when it changes. */
import { readHbaFile } from "../auth/index.ts";
import type { LoginRule } from "../auth/index.ts";
import { methodProblem } from "../config/index.ts";
import type { ServerConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import { readPlacedFile } from "./read-placed-file.ts";
import { WatchedFiles } from "./watched-files.ts";

/** @throws GatewayError ERR_CONFIG_INVALID naming everything that is wrong in the file */
export function hbaRulesOf(
  hbaFile: string,
  server: ServerConfig,
  logger: Logger,
): WatchedFiles<readonly LoginRule[]> {
  return new WatchedFiles({
    what: "login rules",
    files: [hbaFile],
    read: () => {
      const read = (text: string) => readHbaFile(text, hbaFile);
      const { rules } = readPlacedFile(hbaFile, "hba file", read);
      expectPossible(rules, server);
      return rules;
    },
    describe: ({ length: count }) => ({ hbaFile, count }),
    logger,
  });
}

/** A file can ask for methods that the group has no users or certificates for. */
function expectPossible(rules: readonly LoginRule[], server: ServerConfig): void {
  const problems = rules.flatMap(({ method, place }) => {
    const problem = method === "reject" ? undefined : methodProblem(server, method);
    return problem === undefined ? [] : [`${place}: ${problem}`];
  });
  if (problems.length > 0) throw new GatewayError("ERR_CONFIG_INVALID", problems.join("\n"));
}
