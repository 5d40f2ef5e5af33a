/** `gatewayd plugin install`, with a server of this machine in the place of GitHub. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { GATEWAYD_BINARY, runToEnd, startProcess, testNeeding, waitFor } from "../kit/index.ts";
import { type Member, tarGz, zip } from "../fixtures/archives.ts";
import {
  checksumsOf,
  type FakeRelease,
  type ReleaseServer,
  startReleaseServer,
} from "../fixtures/release-server.ts";

const system = process.platform === "win32" ? "windows" : process.platform;
const machine = process.arch === "x64" ? "amd64" : process.arch;
const ARCHIVE = `my-plugin-${system}-${machine}-v1.0.0.tar.gz`;

const PLUGIN_YAML = `# Settings of the plugin.
plugins:
  - name: my-plugin
    enabled: True
    url: github.com/org/my-plugin@latest
    localPath: ../my-plugin/my-plugin
    args: ["--log-level", "debug"]
    env:
      - MAGIC_COOKIE_KEY=GATEWAYD_PLUGIN
    checksum: ${"f".repeat(64)}
`;

const members = (program: string): Member[] => [
  { path: "README.md", content: "# my-plugin" },
  { path: "my-plugin", content: program, mode: 0o755 },
  { path: "gatewayd_plugin.yaml", content: PLUGIN_YAML },
];

function release(
  tag: string,
  change: Partial<FakeRelease> = {},
  archive = tarGz(members(tag)),
): FakeRelease {
  const name = ARCHIVE.replace("v1.0.0", tag);
  const assets = { [name]: archive, "other-plan9-mips.tar.gz": "x" };
  return {
    repository: "my-plugin",
    tag,
    assets: { ...assets, "checksums.txt": checksumsOf(assets) },
    ...change,
  };
}

const sha256 = (text: string): string => checksumsOf({ x: text }).slice(0, 64);

let directory: string;
let server: ReleaseServer | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-install-"));
});
afterEach(() => {
  server?.[Symbol.dispose]();
  server = undefined;
  rmSync(directory, { recursive: true });
});

const inside = (...path: string[]): string => join(directory, ...path);
const textOf = (...path: string[]): string => readFileSync(inside(...path), "utf8");

/** All files and directories, as they are below the test's own one. */
const everything = (): string[] =>
  readdirSync(directory, { recursive: true }).map(String).toSorted();

interface Entry {
  readonly name: string;
  readonly localPath: string;
  readonly checksum: string;
  readonly [key: string]: unknown;
}

function entries(file = "gatewayd_plugins.yaml"): readonly Entry[] {
  return (parse(textOf(file)) as { plugins: Entry[] }).plugins;
}

function environment(): Record<string, string> {
  return server === undefined ? {} : { GATEWAYD_PLUGININSTALLBASEURL: server.url };
}

async function install(args: readonly string[], stdin?: string) {
  const { code, stdout, stderr } = await runToEnd([GATEWAYD_BINARY, "plugin", "install", ...args], {
    cwd: directory,
    env: environment(),
    ...(stdin === undefined ? {} : { stdin }),
  });
  expect(stdout).toBe("");
  return { code, stderr };
}

async function installed(args: readonly string[], stdin?: string): Promise<string> {
  const { code, stderr } = await install(args, stdin);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stderr;
}

/** That the command fails, says why, and leaves everything as it was. */
async function refused(args: readonly string[], message: string | RegExp): Promise<void> {
  const before = everything();
  const { code, stderr } = await install(args);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
  expect(everything()).toEqual(before);
}

describe("a release", () => {
  test("becomes a program and an entry of the configuration", async () => {
    server = startReleaseServer([release("v1.0.0")]);
    const said = await installed(["github.com/org/my-plugin@v1.0.0"]);
    expect(said).toContain("Installing plugin from CLI argument\n");
    expect(said).toContain(`Downloading ${server.url}/download/my-plugin/v1.0.0/${ARCHIVE}\n`);
    expect(said).toContain("Checksum verification passed\n");
    expect(said).toEndWith("Plugin installed successfully\n");
    expect(everything()).toEqual(["gatewayd_plugins.yaml", "plugins", "plugins/my-plugin"]);
    expect(textOf("plugins", "my-plugin")).toBe("v1.0.0");
    expect(statSync(inside("plugins", "my-plugin")).mode & 0o777).toBe(0o755);
    expect(entries()).toEqual([
      {
        name: "my-plugin",
        enabled: true,
        url: "github.com/org/my-plugin@latest",
        localPath: "plugins/my-plugin",
        args: ["--log-level", "debug"],
        env: ["MAGIC_COOKIE_KEY=GATEWAYD_PLUGIN"],
        checksum: sha256("v1.0.0"),
      },
    ]);
    const lint = await runToEnd([GATEWAYD_BINARY, "plugin", "lint"], { cwd: directory, env: {} });
    expect(lint).toMatchObject({ code: 0, stderr: "plugins config is valid\n" });
  });

  test("without a version is the latest; the base URL may stand in the configuration", async () => {
    server = startReleaseServer([release("v2.0.0")]);
    writeFileSync(inside("mine.yaml"), `# Mine.\npluginInstallBaseUrl: ${server.url}/ # here\n`);
    const args = [
      "https://github.com/org/my-plugin",
      "-p",
      "mine.yaml",
      "-o",
      "there/it/is",
      "--sentry=false",
    ];
    const result = await runToEnd([GATEWAYD_BINARY, "plugin", "install", ...args], {
      cwd: directory,
      env: {},
    });
    expect(result).toMatchObject({ code: 0 });
    expect(entries("mine.yaml")[0]).toMatchObject({ localPath: "there/it/is/my-plugin" });
    expect(textOf("mine.yaml")).toStartWith(
      `# Mine.\npluginInstallBaseUrl: ${server.url}/ # here\n`,
    );
    expect(everything()).not.toContain("gatewayd_plugins.yaml");
  });

  test("may have its gatewayd_plugin.yaml in the repository only, and an archive for all systems", async () => {
    const assets = {
      "my-plugin-v1.tar.gz": tarGz([
        { path: "my-plugin.ts", content: "export {}" },
        { path: "lib/x.ts" },
      ]),
    };
    const pluginYaml = "plugins: [{ name: called-otherwise }]";
    server = startReleaseServer([
      release("v1", { assets: { ...assets, "checksums.txt": checksumsOf(assets) }, pluginYaml }),
    ]);
    await installed(["github.com/org/my-plugin@v1"]);
    expect(entries()).toEqual([
      {
        name: "called-otherwise",
        url: "github.com/org/my-plugin@v1",
        localPath: "plugins/my-plugin.ts",
        checksum: sha256("export {}"),
      },
    ]);
    expect(statSync(inside("plugins", "my-plugin.ts")).mode & 0o777).toBe(0o644);
    expect(everything()).toContain("plugins/lib/x.ts");
  });

  test("with --cleanup=false leaves all that came with it", async () => {
    server = startReleaseServer([release("v1.0.0")]);
    await installed(["github.com/org/my-plugin", "--cleanup=false"]);
    expect(readdirSync(inside("plugins")).toSorted()).toEqual(
      ["README.md", "checksums.txt", "gatewayd_plugin.yaml", "my-plugin", ARCHIVE].toSorted(),
    );
  });

  test("with --pull-only is an archive, and nothing else", async () => {
    server = startReleaseServer([release("v1.0.0")]);
    await installed(["github.com/org/my-plugin", "--pull-only"]);
    expect(everything()).toEqual(["plugins", `plugins/${ARCHIVE}`]);
  });

  test("with --overwrite-config=false is told, not entered", async () => {
    server = startReleaseServer([release("v1.0.0")]);
    const said = await installed(["github.com/org/my-plugin", "--overwrite-config=false"]);
    expect(everything()).toEqual(["plugins", "plugins/my-plugin"]);
    expect(said).toContain("plugins:\n  - name: my-plugin\n");
    expect(said).toContain(sha256("v1.0.0"));
  });

  test.each<[string, Partial<FakeRelease>, RegExp]>([
    ["no checksums.txt", { assets: { [ARCHIVE]: tarGz(members("x")) } }, /has no checksums\.txt/],
    [
      "no line for its archive",
      { assets: { [ARCHIVE]: tarGz(members("x")), "checksums.txt": checksumsOf({ other: "x" }) } },
      /Checksum verification failed: checksums\.txt has no line for my-plugin/,
    ],
    [
      "a wrong checksum",
      {
        assets: {
          [ARCHIVE]: tarGz(members("x")),
          "checksums.txt": checksumsOf({ [ARCHIVE]: "y" }),
        },
      },
      /Checksum verification failed: my-plugin\S* is not what checksums\.txt tells/,
    ],
    [
      "nothing for this system",
      { assets: { "x-plan9-mips-windows.zip": "" } },
      /archive for \S+; it has x-plan9/,
    ],
    ["another tag", { tag: "v9" }, /has no release v1\.0\.0/],
    ["another repository", { repository: "other" }, /org\/my-plugin has no release v1\.0\.0/],
  ])("with %s is refused", async (_, change, message) => {
    server = startReleaseServer([release("v1.0.0", change)]);
    await refused(["github.com/org/my-plugin@v1.0.0"], message);
  });

  test.each<[string, Uint8Array, RegExp]>([
    [
      "a way out",
      tarGz([...members("x"), { path: "../../evil", content: "x" }]),
      /outside of the output directory/,
    ],
    [
      "an absolute path",
      tarGz([...members("x"), { path: "/tmp/evil" }]),
      /outside of the output directory/,
    ],
    ["a link", tarGz([...members("x"), { path: "l", kind: "2" }]), /neither file nor directory/],
    ["no plugin", tarGz([{ path: "README.md" }]), /no file of the archive has the name my-plugin/],
    ["no gatewayd_plugin.yaml", tarGz([{ path: "my-plugin" }]), /has no gatewayd_plugin\.yaml/],
    ["a half", tarGz(members("x")).subarray(0, 100), /archive is damaged/],
    [
      "another checksum of the plugin inside",
      tarGz([
        ...members("x"),
        { path: "checksum.txt", content: checksumsOf({ "my-plugin": "y" }) },
      ]),
      /my-plugin is not what the archive's checksum\.txt tells/,
    ],
    [
      "settings that are none",
      tarGz([
        { path: "my-plugin" },
        { path: "gatewayd_plugin.yaml", content: "plugins: [{ enabeld: true }]" },
      ]),
      /plugins\.0\.enabeld: unknown key/,
    ],
  ])("whose archive holds %s is refused", async (_, archive, message) => {
    server = startReleaseServer([release("v1.0.0", {}, archive)]);
    const args = ["github.com/org/my-plugin@v1.0.0", "--skip-path-slip-verification"];
    await refused(args, message);
  });

  test("is refused when the server cannot be reached", async () => {
    const gone = startReleaseServer([]);
    gone[Symbol.dispose]();
    writeFileSync(inside("gatewayd_plugins.yaml"), `pluginInstallBaseUrl: ${gone.url}\n`);
    await refused(["github.com/org/my-plugin"], /releases\/latest cannot be reached/);
  });

  test("is refused when the configuration has errors", async () => {
    writeFileSync(inside("gatewayd_plugins.yaml"), "timeout: soon\n");
    await refused(["github.com/org/my-plugin"], /gatewayd_plugins\.yaml:1:10: timeout: /);
  });

  test("that cannot be entered takes nothing's place", async () => {
    server = startReleaseServer([release("v1.0.0")]);
    mkdirSync(inside("plugins"));
    writeFileSync(inside("plugins", "my-plugin"), "the old one");
    await refused(["github.com/org/my-plugin", "-p", "absent/plugins.yaml"], /ENOENT/);
    expect(textOf("plugins", "my-plugin")).toBe("the old one");
  });

  testNeeding("script")("tells on a terminal how far its archive is", async () => {
    server = startReleaseServer([release("v1.0.0")]);
    const command = `${GATEWAYD_BINARY} plugin install github.com/org/my-plugin`;
    const { code, stdout } = await runToEnd(["script", "-qec", command, "/dev/null"], {
      cwd: directory,
      env: { ...environment(), PATH: process.env["PATH"] ?? "" },
    });
    expect(stdout).toContain("100 % of 0.0 MB");
    expect(code).toBe(0);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "is given up at %s in the middle of its archive",
    async (signal) => {
      server = startReleaseServer([release("v1.0.0", { stalls: ARCHIVE })]);
      const child = await startProcess(
        [GATEWAYD_BINARY, "plugin", "install", "github.com/org/my-plugin"],
        {
          cwd: directory,
          env: environment(),
        },
      );
      await waitFor(
        "half of the archive",
        () =>
          everything().some((path) => path.endsWith(ARCHIVE) && statSync(inside(path)).size > 0),
        { retryErrors: true },
      );
      child.kill(signal);
      expect(await child.waitForExit()).toEqual({ code: 1, signal: null });
      expect(child.output()).toContain("Error: interrupted");
      expect(everything()).toEqual([]);
    },
  );
});

describe("a plugin that is installed", () => {
  const CONFIG = `# Before.
plugins:
  - name: my-plugin # mine
    localPath: plugins/my-plugin
    checksum: ${"0".repeat(64)}
    args: [--mine]
# After.
`;
  beforeEach(() => {
    mkdirSync(inside("plugins"));
    writeFileSync(inside("plugins", "my-plugin"), "old");
    writeFileSync(inside("gatewayd_plugins.yaml"), CONFIG);
    server = startReleaseServer([release("v2.0.0")]);
  });

  test("stays as it is", async () => {
    await refused(["github.com/org/my-plugin"], /Plugin is already installed/);
    expect(server?.requests).toEqual([]);
    expect(textOf("plugins", "my-plugin")).toBe("old");
  });

  test("is replaced with --update, and its entry keeps what its owner wrote", async () => {
    await installed(["github.com/org/my-plugin", "--update", "--backup"]);
    expect(textOf("plugins", "my-plugin")).toBe("v2.0.0");
    expect(entries()).toEqual([
      {
        name: "my-plugin",
        localPath: "plugins/my-plugin",
        checksum: sha256("v2.0.0"),
        args: ["--mine"],
        enabled: true,
        url: "github.com/org/my-plugin@latest",
        env: ["MAGIC_COOKIE_KEY=GATEWAYD_PLUGIN"],
      },
    ]);
    expect(textOf("gatewayd_plugins.yaml")).toStartWith(
      "# Before.\nplugins:\n  - name: my-plugin # mine\n",
    );
    expect(textOf("gatewayd_plugins.yaml")).toContain("# After.\n");
    expect(textOf("gatewayd_plugins.yaml.bak")).toBe(CONFIG);
  });

  test.each([
    ["y\n", 0, "v2.0.0"],
    ["no\n", 1, "old"],
    ["", 1, "old"],
  ])("is asked about without --no-prompt: %p", async (answer, expected, program) => {
    const { code, stderr } = await install(
      ["github.com/org/my-plugin", "--no-prompt=false"],
      answer,
    );
    expect(stderr).toContain("Do you want to update the existing plugins? [y/N] ");
    expect(code).toBe(expected);
    expect(textOf("plugins", "my-plugin")).toBe(program);
  });
});

describe("an archive of this machine", () => {
  test.each([
    ["tar.gz", tarGz(members("program"))],
    ["zip", zip(members("program"))],
  ])("is installed from its %s, and stays", async (kind, archive) => {
    writeFileSync(inside(`a.${kind}`), archive);
    await installed([`./a.${kind}`, "-n", "my-plugin"]);
    expect(everything()).toEqual([
      `a.${kind}`,
      "gatewayd_plugins.yaml",
      "plugins",
      "plugins/my-plugin",
    ]);
    expect(entries()).toMatchObject([{ name: "my-plugin", checksum: sha256("program") }]);
  });

  test("needs a name", async () => {
    writeFileSync(inside("a.zip"), zip(members("program")));
    await refused(["a.zip"], /--name/);
    await refused(["a.zip", "--name", "my-plugin", "--pull-only"], /--pull-only is for releases/);
  });

  test("must be there", async () => {
    await refused(["absent.tar.gz"], /Invalid URL or file path: absent\.tar\.gz/);
    await refused(["absent.tar.gz", "stray"], /unexpected argument "stray"/);
  });
});

describe("without an argument", () => {
  const CONFIG = `plugins:
  - name: my-plugin # from a release
    url: github.com/org/my-plugin@v1.0.0
  - name: other # from a file
    url: ./other.zip
    args: [--mine]
`;
  beforeEach(() => {
    const other = members("other program").map((member) =>
      member.path === "my-plugin" ? { ...member, path: "bin/other" } : member,
    );
    const yaml = "plugins: [{ name: other, args: [--theirs] }]";
    other.push({ path: "own/gatewayd_plugin.yaml", content: yaml });
    writeFileSync(
      inside("other.zip"),
      zip(other.filter(({ path }) => path !== "gatewayd_plugin.yaml")),
    );
    writeFileSync(inside("gatewayd_plugins.yaml"), CONFIG);
    server = startReleaseServer([release("v1.0.0")]);
  });

  test("all plugins of the configuration are installed, and then updated if that is wanted", async () => {
    const said = await installed([]);
    expect(said).toStartWith("Installing plugins from plugins configuration file\n");
    expect(entries()).toMatchObject([
      { name: "my-plugin", localPath: "plugins/my-plugin", checksum: sha256("v1.0.0") },
      {
        name: "other",
        localPath: "plugins/bin/other",
        checksum: sha256("other program"),
        args: ["--mine"],
      },
    ]);
    expect(textOf("gatewayd_plugins.yaml")).toContain("- name: other # from a file\n");

    writeFileSync(inside("plugins", "my-plugin"), "old");
    await refused([], /Use the --update flag to update the plugins\nAborting\.\.\.\n/);
    const declined = await installed(["--no-prompt=false"], "n\n");
    expect(declined).toContain("my-plugin stays as it is\nother stays as it is\n");
    expect(textOf("plugins", "my-plugin")).toBe("old");
    await installed(["--update"]);
    expect(textOf("plugins", "my-plugin")).toBe("v1.0.0");
  });

  test.each([
    [
      "without a url",
      "plugins: [{ name: x, localPath: ./x.ts }]",
      /Plugin URL or file path not found .* for x\n/,
    ],
    ["given twice", "plugins: [{ name: x, url: a }, { name: x, url: b }]", /"x" is given twice/],
    [
      "of another name",
      "plugins: [{ name: x, url: github.com/org/my-plugin }]",
      /of x calls itself my-plugin/,
    ],
    ["none", "timeout: 10s", /has no plugins/],
  ])("a plugin %s is an error", async (_, config, message) => {
    writeFileSync(inside("gatewayd_plugins.yaml"), config);
    await refused([], message);
  });
});
