/** What the commands that ask a gateway have in common. */
import type { Flag, Invocation, RunnableCommand } from "../command.ts";
import { reportUsageError } from "../report-usage-error.ts";
import { ApiClient, apiFlags, jsonFlag } from "./api-client.ts";
import { ApiProblem } from "./api-problem.ts";

export interface Operand {
  /** In the usage: `ID`. */
  readonly name: string;
  /** `the id of a session` */
  readonly meaning: string;
}

export interface ApiCommand {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly flags?: readonly Flag[];
  /** The free arguments, all of which have to be there. Default: none. */
  readonly operands?: readonly Operand[];
  /** @throws ApiProblem */
  ask(client: ApiClient, operands: readonly string[], invocation: Invocation): Promise<unknown>;
  /** The answer for people, with a line break at its end. */
  show(answer: unknown): string;
}

/** Prints the answer and exits with 0, or says why there is none and exits with 1. */
export function apiCommand(command: ApiCommand): RunnableCommand {
  const { name, summary, description, flags = [], operands = [] } = command;
  return {
    kind: "runnable",
    name,
    summary,
    ...(description !== undefined && { description }),
    flags: [...flags, ...apiFlags],
    ...(operands.length > 0 && {
      operands: "word" as const,
      operandNames: operands.map((operand) => operand.name),
    }),
    async run(invocation) {
      const { terminal, path } = invocation;
      const given = invocation.arguments.operands;
      if (given.length !== operands.length) {
        const wanted = operands.map(({ meaning }) => meaning);
        return reportUsageError(terminal, path, `expects ${wanted.join(" and ")}`);
      }
      try {
        const answer = await command.ask(ApiClient.of(invocation), given, invocation);
        const isJson = invocation.arguments.isOn(jsonFlag);
        await terminal.out(isJson ? `${JSON.stringify(answer)}\n` : command.show(answer));
        return 0;
      } catch (thrown) {
        if (!(thrown instanceof ApiProblem)) throw thrown;
        await terminal.err(`Error: ${thrown.message}\n`);
        return 1;
      }
    },
  };
}
