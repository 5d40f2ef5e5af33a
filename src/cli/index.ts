/**
 * The command line: the tree of commands, the strict reading of arguments, help, completion, and the
 * commands themselves, one file each.
 * May import: config, gateway.
 */
export { reportStrayError, sayLastWords } from "../gateway/index.ts";
export { reportUnexpected, runCommandLine } from "./run-command-line.ts";
