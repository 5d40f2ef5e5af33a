import type { Invocation } from "../command.ts";
import { readPlugins } from "./answers.ts";
import { ApiClient } from "./api-client.ts";
import { ApiProblem } from "./api-problem.ts";

/** What the plugins of the gateway that runs are at, by name; undefined if none answers. */
export async function pluginStates(
  invocation: Invocation,
): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const plugins = readPlugins(await ApiClient.of(invocation).get("/api/v1/plugins"));
    return new Map(
      plugins.map(({ name, state, reason }) => [
        name,
        reason === "" ? state : `${state} (${reason})`,
      ]),
    );
  } catch (thrown) {
    // Without a gateway, or a token for it, there is the list all the same.
    if (thrown instanceof ApiProblem) return undefined;
    throw thrown;
  }
}
