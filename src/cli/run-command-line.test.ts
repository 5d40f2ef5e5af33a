import { expect, test } from "bun:test";
import type { CommandGroup, RunnableCommand } from "./command.ts";
import { runCommandLine } from "./run-command-line.ts";
import type { Terminal } from "./terminal.ts";

/** A tree of one command, and a terminal that remembers what was printed. */
function setUp(run: RunnableCommand["run"]) {
  const printed = { out: "", err: "" };
  const terminal: Terminal = {
    out: async (text) => void (printed.out += text),
    err: async (text) => void (printed.err += text),
  };
  const root: CommandGroup = {
    kind: "group",
    name: "program",
    summary: "A program",
    subcommands: [{ kind: "runnable", name: "work", summary: "Do some work", flags: [], run }],
  };
  return { printed, options: { root, terminal, env: { HOME: "/home/someone" } } };
}

test("the exit code is the command's", async () => {
  const { printed, options } = setUp(async ({ terminal, env }) => {
    await terminal.out(`${env["HOME"]}\n`);
    return 7;
  });
  expect(await runCommandLine(["work"], options)).toBe(7);
  expect(printed).toEqual({ out: "/home/someone\n", err: "" });
});

test("what a command throws becomes one line on stderr and exit code 1", async () => {
  const { printed, options } = setUp(() => {
    throw new Error("the disk\n  is full");
  });
  expect(await runCommandLine(["work"], options)).toBe(1);
  expect(printed).toEqual({ out: "", err: "Error: the disk is full\n" });
});

test("a wrong command line is named on stderr with the usage, and nothing runs", async () => {
  const { printed, options } = setUp(() => {
    throw new Error("it ran");
  });
  expect(await runCommandLine(["wrok"], options)).toBe(1);
  expect(printed.out).toBe("");
  expect(printed.err).toStartWith(
    'Error: unknown command "wrok" for "program", did you mean work?\n\nUsage:\n  program [command]\n',
  );
});

test("without arguments the help is on stdout with exit code 0", async () => {
  const { printed, options } = setUp(async () => 1);
  expect(await runCommandLine([], options)).toBe(0);
  expect(printed.err).toBe("");
  expect(printed.out).toBe(`A program

Usage:
  program [command]

Available Commands:
  work   Do some work

Flags:
  -h, --help   Show this help

Use "program [command] --help" for more about a command.
`);
});
