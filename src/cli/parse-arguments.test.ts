import { describe, expect, test } from "bun:test";
import {
  type Command,
  commandAt,
  extendPath,
  type Flag,
  flagsOf,
  pathName,
  subcommandsOf,
  type SwitchFlag,
  type TextFlag,
} from "./command.ts";
import { commandTree } from "./command-tree.ts";
import { configFlag, devFlag, forceFlag, pluginConfigFlag, sentryFlag } from "./flags.ts";
import { parseArguments } from "./parse-arguments.ts";

/** Splits at blanks, as the words of a shell without quotes. */
function parse(line: string) {
  return parseArguments(
    commandTree,
    line.split(" ").filter((word) => word !== ""),
  );
}

const numberFlag: TextFlag = { type: "text", name: "limit", description: "", valueKind: "number" };

function parseRun(line: string) {
  const result = parse(line);
  if (result.kind !== "run") throw new Error(`${line}: ${JSON.stringify(result)}`);
  return result;
}

describe("a command line that is right", () => {
  test.each([
    ["run -c x.yaml", "gatewayd run", configFlag, "x.yaml"],
    ["run -c=x.yaml", "gatewayd run", configFlag, "x.yaml"],
    ["run -cx.yaml", "gatewayd run", configFlag, "x.yaml"],
    ["run --config x.yaml", "gatewayd run", configFlag, "x.yaml"],
    ["run --config=x.yaml", "gatewayd run", configFlag, "x.yaml"],
    ["run --config=a=b.yaml", "gatewayd run", configFlag, "a=b.yaml"],
    ["run --config=-x.yaml", "gatewayd run", configFlag, "-x.yaml"],
    ["run --config -", "gatewayd run", configFlag, "-"],
    ["run -c a.yaml -c b.yaml", "gatewayd run", configFlag, "b.yaml"],
    ["-c x.yaml run", "gatewayd run", configFlag, "x.yaml"],
    ["--config=x.yaml run", "gatewayd run", configFlag, "x.yaml"],
    ["config -c x.yaml lint", "gatewayd config lint", configFlag, "x.yaml"],
    ["plugin lint -p x.yaml", "gatewayd plugin lint", pluginConfigFlag, "x.yaml"],
    ["sessions --limit 0", "gatewayd sessions", numberFlag, "0"],
  ] satisfies [string, string, TextFlag, string][])(
    "%p gives the value",
    (line, name, flag, value) => {
      const { path, arguments: given } = parseRun(line);
      expect(pathName(path)).toBe(name);
      expect(given.text(flag)).toBe(value);
      expect(given.isGiven(flag)).toBe(true);
    },
  );

  test.each([
    ["run", sentryFlag, true, false],
    ["run", devFlag, false, false],
    ["run --dev", devFlag, true, true],
    ["--dev run", devFlag, true, true],
    ["run --dev=true", devFlag, true, true],
    ["run --sentry=false", sentryFlag, false, true],
    ["run --sentry=F", sentryFlag, false, true],
    ["run --sentry=0", sentryFlag, false, true],
    ["run --dev --dev=false", devFlag, false, true],
    ["plugin list -es", sentryFlag, true, true],
    ["plugin list -es=false", sentryFlag, false, true],
    ["config init -fc x.yaml", forceFlag, true, true],
  ] satisfies [string, SwitchFlag, boolean, boolean][])(
    "%p gives the switch",
    (line, flag, isOn, isGiven) => {
      const { arguments: given } = parseRun(line);
      expect(given.isOn(flag)).toBe(isOn);
      expect(given.isGiven(flag)).toBe(isGiven);
    },
  );

  test("a flag that is not given has no value", () => {
    expect(parseRun("run").arguments.text(configFlag)).toBeUndefined();
  });

  test("everything after -- is an operand", () => {
    expect(parseRun("help -- config --help").arguments.operands).toEqual(["config", "--help"]);
  });

  test.each([
    ["", "gatewayd"],
    ["-h", "gatewayd"],
    ["--help", "gatewayd"],
    ["config", "gatewayd config"],
    ["config --help", "gatewayd config"],
    ["run --help", "gatewayd run"],
    ["run -c x.yaml -h", "gatewayd run"],
    ["--help run", "gatewayd run"],
  ])("%p asks for help", (line, name) => {
    const result = parse(line);
    expect(result.kind).toBe("help");
    expect(pathName(result.path)).toBe(name);
  });
});

test.each([
  ["rnu", 'unknown command "rnu" for "gatewayd", did you mean run?'],
  ["confg lint", 'unknown command "confg" for "gatewayd", did you mean config?'],
  ["plug list", 'unknown command "plug" for "gatewayd", did you mean plugin?'],
  ["config lnit", 'unknown command "lnit" for "gatewayd config", did you mean init?'],
  ["frobnicate", 'unknown command "frobnicate" for "gatewayd"'],
  ["frobnicate --help", 'unknown command "frobnicate" for "gatewayd"'],
  ["run --confg x.yaml", "unknown flag --confg, did you mean --config?"],
  ["--confg x.yaml run", "unknown flag --confg, did you mean --config?"],
  ["run --confg=x.yaml", "unknown flag --confg, did you mean --config?"],
  ["run --frobnicate", "unknown flag --frobnicate"],
  ["run --no-sentry", "unknown flag --no-sentry, did you mean --sentry=false?"],
  ["--version", "unknown flag --version, did you mean version?"],
  ["run -x", "unknown flag -x"],
  ["run -config x.yaml", "unknown flag -config, did you mean --config?"],
  ["run -dve", "unknown flag -dve, did you mean --dev?"],
  ["plugin list -ex", "unknown flag -x in -ex"],
  ["run --=x", "unknown flag --"],
  ["run -=x", "unknown flag -=x"],
  ["run --force", "unknown flag --force"],
  ["--force run", 'flag --force does not belong to "gatewayd run"'],
  ["-c x.yaml", 'flag -c does not belong to "gatewayd"'],
  ["run --config", "flag --config needs a value"],
  ["run --config=", "flag --config needs a value"],
  ["run -c --dev", "flag -c needs a value"],
  ["run -c --", "flag -c needs a value"],
  ["run --dev=maybe", 'flag --dev: "maybe" is neither true nor false'],
  ["run --dev=", 'flag --dev: "" is neither true nor false'],
  ["plugin list -e=x", 'flag -e: "x" is neither true nor false'],
  ["sessions --limit all", 'flag --limit: "all" is not a whole number'],
  ["statements --limit=-1", 'flag --limit: "-1" is not a whole number'],
  ["waiters --limit 1.5", 'flag --limit: "1.5" is not a whole number'],
  ["run --sentry false", 'unexpected argument "false", did you mean --sentry=false?'],
  ["run x.yaml", 'unexpected argument "x.yaml"'],
  ["run -- --dev", 'unexpected argument "--dev"'],
  ["version please --help", 'unexpected argument "please"'],
  ["run run", 'unexpected argument "run"'],
])("%p is refused", (line, message) => {
  const result = parse(line);
  expect(result.kind === "error" ? result.message : result.kind).toBe(message);
});

test("an error names the command it happened in", () => {
  const { path } = parse("config lint --bogus");
  expect(commandAt(path).name).toBe("lint");
});

test("a flag's name and letter mean the same in every command that has it", () => {
  const types = new Map<string, string>();
  for (const { flag, command } of allFlags(commandTree)) {
    const names = flag.short === undefined ? [flag.name] : [flag.name, `-${flag.short}`];
    for (const name of names) {
      const meaning = `${flag.type} ${flag.name}`;
      expect(`${command} ${name}: ${types.get(name) ?? meaning}`).toBe(
        `${command} ${name}: ${meaning}`,
      );
      types.set(name, meaning);
    }
  }
  expect(types.size).toBeGreaterThan(10);
});

function allFlags(root: Command): { flag: Flag; command: string }[] {
  const collect = (path: Parameters<typeof commandAt>[0]): { flag: Flag; command: string }[] => [
    ...flagsOf(commandAt(path)).map((flag) => ({ flag, command: pathName(path) })),
    ...subcommandsOf(commandAt(path)).flatMap((command) => collect(extendPath(path, command))),
  ];
  return collect([root]);
}
