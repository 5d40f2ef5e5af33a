import type { RunnableCommand } from "../command.ts";
import { ApiClient } from "./api-client.ts";
import { placeFlags } from "./api-place.ts";
import { ApiProblem } from "./api-problem.ts";

/** `gatewayd health`: for containers, whose images hold nothing else that could ask. */
export const healthCommand: RunnableCommand = {
  kind: "runnable",
  name: "health",
  summary: "Exit with 0 if the gateway serves, with 1 if not",
  flags: placeFlags,
  async run(invocation) {
    const { terminal } = invocation;
    try {
      await ApiClient.of(invocation).get("/readyz");
      await terminal.out("SERVING\n");
      return 0;
    } catch (thrown) {
      if (!(thrown instanceof ApiProblem)) throw thrown;
      if (thrown.status === 503) await terminal.out("NOT_SERVING\n");
      else await terminal.err(`Error: ${thrown.message}\n`);
      return 1;
    }
  },
};
