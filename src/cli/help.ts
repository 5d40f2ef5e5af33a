import {
  type CommandPath,
  commandAt,
  extendPath,
  type RunnableCommand,
  subcommandsOf,
} from "./command.ts";
import { helpText } from "./help-text.ts";
import { unknownCommandMessage } from "./parse-arguments.ts";
import { reportUsageError } from "./report-usage-error.ts";

/** `gatewayd help [command]`. */
export const helpCommand: RunnableCommand = {
  kind: "runnable",
  name: "help",
  summary: "Show the help of a command",
  operands: "command",
  flags: [],
  async run({ arguments: given, path: [root], terminal }) {
    let path: CommandPath = [root];
    for (const name of given.operands) {
      const next = subcommandsOf(commandAt(path)).find((command) => command.name === name);
      if (next === undefined) {
        return reportUsageError(terminal, path, unknownCommandMessage(path, name));
      }
      path = extendPath(path, next);
    }
    await terminal.out(helpText(path));
    return 0;
  },
};
