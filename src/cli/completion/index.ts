/**
 * Completion in shells: thin scripts that hand the words of the line to the hidden command
 * `__complete`, which answers from the command tree; so what is offered is always what this
 * executable understands.
 * May import: the rest of cli.
 */
export { completeWordsCommand } from "./complete-words-command.ts";
export { completionCommand } from "./completion.ts";
