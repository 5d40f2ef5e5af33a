import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { GATEWAYD_BINARY } from "../kit/index.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-e2e-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs the binary in a directory of its own, with no environment but what is given. */
async function gatewayd(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([GATEWAYD_BINARY, ...args], {
    cwd: directory,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

const inDirectory = (name: string): string => join(directory, name);

describe("the command line", () => {
  test("without arguments is the help on stdout, exit code 0", async () => {
    const { code, stdout, stderr } = await gatewayd([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage:\n  gatewayd [command]\n");
    for (const name of [
      "cancel",
      "completion",
      "config",
      "drain",
      "health",
      "help",
      "kill",
      "pause",
      "plugin",
      "pools",
      "reconnect",
      "resume",
      "run",
      "sessions",
      "set-level",
      "status",
      "version",
    ]) {
      expect(stdout).toContain(`\n  ${name} `);
    }
    expect(stdout).not.toContain("gen-docs");
  });

  test.each([
    [["run", "--help"], "gatewayd run [flags]"],
    [["help", "config", "init"], "gatewayd config init [flags]"],
    [["plugin"], "gatewayd plugin [command]"],
  ])("%j is help on stdout", async (args, usage) => {
    const { code, stdout, stderr } = await gatewayd(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage:\n  ${usage}\n`);
  });

  test.each([
    [["rnu"], 'Error: unknown command "rnu" for "gatewayd", did you mean run?'],
    [["run", "--confg", "x"], "Error: unknown flag --confg, did you mean --config?"],
    [["run", "x"], 'Error: unexpected argument "x"'],
    [["config", "lint", "-c"], "Error: flag -c needs a value"],
    [["run", "--dev=maybe"], 'Error: flag --dev: "maybe" is neither true nor false'],
    [["help", "rnu"], 'Error: unknown command "rnu" for "gatewayd", did you mean run?'],
  ])("%j is an error with the usage on stderr, exit code 1", async (args, message) => {
    const { code, stdout, stderr } = await gatewayd(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toStartWith(`${message}\n\nUsage:\n`);
  });

  test("version says what this executable is", async () => {
    const { code, stdout, stderr } = await gatewayd(["version"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toMatch(/^GatewayD \S+ \([^()]+, bun 1\.4\.5, [a-z0-9]+\/[a-z0-9]+\)\n$/);
  });
});

describe("config", () => {
  test("init, lint and show work one after the other", async () => {
    const created = await gatewayd(["config", "init"]);
    expect(created).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "Config file 'gatewayd.yaml' was created successfully.\n",
    });

    const linted = await gatewayd(["config", "lint"]);
    expect(linted).toMatchObject({ code: 0, stdout: "", stderr: "global config is valid\n" });

    const shown = await gatewayd(["config", "show"], { GATEWAYD_POOLS_DEFAULT_WRITES_SIZE: "42" });
    expect({ code: shown.code, stderr: shown.stderr }).toEqual({ code: 0, stderr: "" });
    expect(shown.stdout).toMatch(/size: 42 +# env GATEWAYD_POOLS_DEFAULT_WRITES_SIZE/);
    expect(shown.stdout).toMatch(/# gatewayd\.yaml:\d+/);
  });

  test("init keeps an existing file unless forced", async () => {
    await Bun.write(inDirectory("mine.yaml"), "mine\n");
    const refused = await gatewayd(["config", "init", "-c", "mine.yaml"]);
    expect(refused).toMatchObject({
      code: 1,
      stdout:
        "Config file already exists. Use --force to overwrite or choose a different filename.\n",
      stderr: "",
    });
    expect(await Bun.file(inDirectory("mine.yaml")).text()).toBe("mine\n");

    const forced = await gatewayd(["config", "init", "-f", "-c", "mine.yaml"]);
    expect(forced).toMatchObject({
      code: 0,
      stderr: "Config file 'mine.yaml' was overwritten successfully.\n",
    });
  });

  test("lint names every error with file, line and column", async () => {
    await Bun.write(
      inDirectory("bad.yaml"),
      "servers:\n  default:\n    adress: 0.0.0.0:15432\npools:\n  default:\n    writes:\n      size: 0\n",
    );
    const { code, stdout, stderr } = await gatewayd(["config", "lint", "-c", "bad.yaml"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^bad\.yaml:3:5: servers\.default\.adress: .*address/m);
    expect(stderr).toMatch(/^bad\.yaml:7:\d+: pools\.default\.writes\.size: /m);
    expect(stderr).toEndWith("Error: the configuration has 2 errors\n");
  });

  test("lint tells warnings and does not fail for them", async () => {
    const created = await gatewayd(["config", "init"]);
    expect(created.code).toBe(0);
    const { code, stderr } = await gatewayd(["config", "lint"], { GATEWAYD_POOLS_SIZZE: "1" });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*GATEWAYD_POOLS_SIZZE/);
    expect(stderr).toEndWith("global config is valid\n");
  });

  test.each([
    [["config", "schema"], "servers"],
    [["config", "schema", "--plugins"], "plugins"],
  ])("%j is a JSON Schema on stdout", async (args, property) => {
    const { code, stdout, stderr } = await gatewayd(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toHaveProperty(["properties", property]);
  });
});

describe("plugin", () => {
  test("init, lint and list work one after the other", async () => {
    const created = await gatewayd(["plugin", "init"]);
    expect(created).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "Config file 'gatewayd_plugins.yaml' was created successfully.\n",
    });
    const linted = await gatewayd(["plugin", "lint"]);
    expect(linted).toMatchObject({ code: 0, stderr: "plugins config is valid\n" });
    const listed = await gatewayd(["plugin", "list"]);
    expect(listed).toMatchObject({ code: 0, stdout: "", stderr: "No plugins found\n" });
  });

  test("list shows each plugin, or the enabled ones", async () => {
    const checksum = "0123456789abcdef".repeat(4);
    await Bun.write(
      inDirectory("plugins.yaml"),
      `plugins:
  - name: one
    localPath: /opt/one
    args: ["--log-level", "debug"]
    env: ["A=1", "B=2"]
    checksum: ${checksum}
  - name: two
    enabled: False
    localPath: /opt/two.ts
`,
    );
    const one = `  Name: one
  Enabled: true
  Path: /opt/one
  Args: --log-level debug
  Env:
    A=***
    B=***
  Checksum: ${checksum}
`;
    const two = `  Name: two
  Enabled: false
  Path: /opt/two.ts
  Args: 
  Env:
  Checksum: 
`;
    const all = await gatewayd(["plugin", "list", "-p", "plugins.yaml"]);
    expect(all).toMatchObject({ code: 0, stderr: `Total plugins: 2\nPlugins:\n${one}${two}` });
    const enabled = await gatewayd(["plugin", "list", "-e", "-p", "plugins.yaml"]);
    expect(enabled).toMatchObject({ code: 0, stderr: `Total plugins: 2\nPlugins:\n${one}` });
  });
});

describe("run stops with exit code 1", () => {
  test("when there is no gatewayd.yaml: the paths tried and the way to create one", async () => {
    const { code, stdout, stderr } = await gatewayd(["run"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("gatewayd.yaml");
    expect(stderr).toContain("/etc/gatewayd.yaml");
    expect(stderr).toContain('"gatewayd config init"');
  });

  test("when a named plugins file is missing", async () => {
    expect((await gatewayd(["config", "init"])).code).toBe(0);
    const { code, stderr } = await gatewayd(["run", "-p", "absent.yaml"]);
    expect(code).toBe(1);
    expect(stderr).toContain("absent.yaml");
    expect(stderr).toContain('"gatewayd plugin init"');
  });

  test("when the configuration has errors", async () => {
    await Bun.write(inDirectory("gatewayd.yaml"), "srevers: {}\n");
    const { code, stderr } = await gatewayd(["run"]);
    expect(code).toBe(1);
    expect(stderr).toContain("gatewayd.yaml:1:1: srevers: ");
  });
});
