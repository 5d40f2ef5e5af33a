import type { RunnableCommand } from "../command.ts";
import { completeWords } from "./complete-words.ts";
import { noDescriptionsFlag } from "./no-descriptions-flag.ts";

/**
 * `gatewayd __complete -- <word>... =<current>`: what the completion scripts ask at each Tab.
 *
 * The word under the cursor has a `=` put in front, because some shells drop empty arguments. The
 * answer is a line for each candidate, `text` or `text<TAB>description`, or the one line `:file` or
 * `:directory` where the shell is to complete a path.
 */
export const completeWordsCommand: RunnableCommand = {
  kind: "runnable",
  name: "__complete",
  summary: "Complete a command line for a shell",
  isHidden: true,
  operands: "word",
  flags: [noDescriptionsFlag],
  async run({ arguments: given, path: [root], terminal }) {
    const current = given.operands.at(-1) ?? "=";
    const completion = completeWords(root, given.operands.slice(0, -1), current.slice(1));
    if (completion.kind !== "words") {
      await terminal.out(`:${completion.kind}\n`);
      return 0;
    }
    const isShort = given.isOn(noDescriptionsFlag);
    const lines = completion.candidates.map(({ text, description }) =>
      isShort || description === "" ? `${text}\n` : `${text}\t${description}\n`,
    );
    await terminal.out(lines.join(""));
    return 0;
  },
};
