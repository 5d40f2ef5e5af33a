/** `gatewayd plugin scaffold`: what it writes is built, tested and run as its README says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  pythonWithPackages,
  sha256Of,
  testGo,
  testPython,
} from "../fixtures/plugins/built-plugins.ts";
import { startReleaseServer } from "../fixtures/release-server.ts";
import {
  GATEWAYD_BINARY,
  oneBlockConfig,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

let directory: string;
let postgres: PostgresServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-scaffold-"));
  postgres = await startPostgres();
}, 60_000);
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await postgres[Symbol.asyncDispose]();
});

const inside = (...path: string[]): string => join(directory, ...path);

function scaffold(...args: string[]) {
  return runToEnd([GATEWAYD_BINARY, "plugin", "scaffold", ...args], { cwd: directory, env: {} });
}

/** As `make release` builds: what vet and the tests have compiled it need not compile again. */
const BUILD_ENVIRONMENT = { GOFLAGS: "-trimpath", CGO_ENABLED: "0" };

async function succeed(command: readonly [string, ...string[]], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(command, {
    cwd,
    env: { ...process.env, ...BUILD_ENVIRONMENT },
    deadlineMs: 500_000,
  });
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** Runs a gateway with the plugin, and statements through it; answers what came of them. */
async function throughGateway(
  entry: Readonly<Record<string, unknown>>,
  statements: readonly string[],
): Promise<{ readonly outcomes: readonly unknown[]; readonly logged: string }> {
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address),
    plugins: JSON.stringify({ plugins: [entry] }),
  });
  const { host, port } = gateway;
  const { user, password, database } = postgres;
  const client = new Client({ host, port, user, password, database });
  await client.connect();
  const outcomes: unknown[] = [];
  for (const sql of statements) {
    const outcome = client.query(sql).then(
      ({ rows }) => rows as unknown,
      (error: unknown) => (error instanceof Error ? error.message : error),
    );
    outcomes.push(await outcome);
  }
  const logged = await gateway.process.waitForLine("as said");
  await client.end();
  await gateway.stop();
  return { outcomes, logged };
}

const INPUT = `remote_url: https://github.com/org/from-file
version: 0.10
license: MIT
authors:
  - Somebody "Quoted" <somebody@example.com>
  - Somebody Else
description: |
  Says "hello"
  to everyone.
`;

describe("scaffold", () => {
  test("takes the original's input.yaml, and makes a plugin in Go of it", async () => {
    writeFileSync(inside("input.yaml"), INPUT);
    const { code, stdout, stderr } = await scaffold();
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    const files = readdirSync(inside("plugins", "from-file"), { recursive: true })
      .map((name) => `plugins/from-file/${String(name)}`)
      .filter((path) => statSync(inside(path)).isFile())
      .toSorted();
    expect(stderr).toBe(`scaffold done\ncreated files:\n${files.join("\n")}\n`);
    expect(files).toContain("plugins/from-file/main.go");
    const module = readFileSync(inside("plugins", "from-file", "plugin", "module.go"), "utf8");
    expect(module).toContain('var Version = "0.10"');
    expect(module).toContain('"description": "Says \\"hello\\" to everyone."');
    expect(module).toContain('{"Somebody \\"Quoted\\" <somebody@example.com>", "Somebody Else"}');
    expect(readFileSync(inside("plugins", "from-file", "LICENSE"), "utf8")).toStartWith(
      "MIT License",
    );
  });

  test.each(["typescript", "go", "python"])(
    "tells of paths from where it was run, in %s",
    async (language) => {
      expect((await scaffold("--name", `told-${language}`, "--language", language)).code).toBe(0);
      const readme = readFileSync(inside("plugins", `told-${language}`, "README.md"), "utf8");
      const paths = [...readme.matchAll(/"?(\.\/[^\s"\]]+)/g)].map(([, path = ""]) => path);
      expect(paths).not.toEqual([]);
      for (const path of paths) expect(path).toStartWith(`./plugins/told-${language}/`);
    },
  );

  test("leaves what is there alone", async () => {
    writeFileSync(inside("there"), "mine");
    expect(await scaffold("-n", "there", "-o", ".")).toMatchObject({
      code: 1,
      stderr: "Scaffold failed:  there exists already\n",
    });
    expect(readFileSync(inside("there"), "utf8")).toBe("mine");
  });

  test.each([
    [["--name", "../evil"], /cannot be the name of a plugin/],
    [["--remote-url", "git@github.com:org/x"], /must be an http or https URL/],
    [["--name", "x", "--language", "cobol"], /must be one of typescript, go, python, not "cobol"/],
    [["--input-file", "absent.yaml"], /ENOENT.*absent\.yaml/],
    [["--input-file", "bad.yaml"], /bad\.yaml: license: .*; authors: /],
  ])("%p is an error", async (args, message) => {
    writeFileSync(inside("bad.yaml"), "remote_url: https://x/y\nversion: 1\nauthors: []\n");
    const { code, stderr } = await scaffold(...args);
    expect(code).toBe(1);
    expect(stderr).toStartWith("Scaffold failed:  ");
    expect(stderr).toMatch(message);
  });
});

describe("a plugin in TypeScript", () => {
  let project: string;

  beforeAll(async () => {
    expect((await scaffold("--name", "in-typescript")).code).toBe(0);
    project = inside("plugins", "in-typescript");
    // What `bun install` would fetch.
    symlinkSync(join(import.meta.dir, "..", "..", "node_modules"), join(project, "node_modules"));
  });

  test("passes its tests", async () => {
    expect(await succeed([process.execPath, "test"], project)).toContain(" 0 fail");
  });

  test("passes its tests in the gateway's own program", async () => {
    const { code, stderr } = await runToEnd([GATEWAYD_BINARY, "test"], {
      cwd: project,
      env: { BUN_BE_BUN: "1" },
    });
    expect(stderr).toContain(" 0 fail");
    expect(code).toBe(0);
  });

  test("sees queries, and keeps them from a table", async () => {
    const entry = {
      name: "in-typescript",
      localPath: join(project, "plugin.ts"),
      config: { blockedTables: ["pg_shadow"] },
    };
    const { outcomes } = await throughGateway(entry, [
      "select usename from pg_catalog.pg_shadow",
      "select 'in typescript' as said",
    ]);
    expect(outcomes).toEqual(["permission denied for pg_shadow", [{ said: "in typescript" }]]);
  });

  test("has the types of the SDK", async () => {
    await succeed([process.execPath, "check", "--no-script"], project);
    const file = join(project, "plugin.ts");
    writeFileSync(file, readFileSync(file, "utf8").replace("event.queries", "event.querys"));
    const { code, stdout, stderr } = await runToEnd([process.execPath, "check", "--no-script"], {
      cwd: project,
    });
    expect(`${stdout}${stderr}`).toContain("querys");
    expect(code).not.toBe(0);
  });
});

testGo(
  "a plugin in Go is built, passes its tests, is released, installed, and sees queries",
  async () => {
    const args = ["--language", "go", "--remote-url", "https://github.com/org/in-go"];
    const said = ["--description", 'A "plugin"\\', "--authors", "A, B", "--license", "Zlib"];
    expect((await scaffold(...args, ...said)).code).toBe(0);
    const project = inside("plugins", "in-go");
    await succeed(["go", "vet", "./..."], project);
    await succeed(["go", "test", "./..."], project);

    const machine = process.arch === "x64" ? "amd64" : process.arch;
    const platform = `${process.platform}-${machine}`;
    await succeed(["make", "release", `PLATFORMS=${platform}`, "VERSION=v1.2.3"], project);
    const archive = `in-go-${platform}-v1.2.3.tar.gz`;
    const assets = {
      [archive]: readFileSync(join(project, "dist", archive)),
      "checksums.txt": readFileSync(join(project, "dist", "checksums.txt")),
    };
    using server = startReleaseServer([{ repository: "in-go", tag: "v1.2.3", assets }]);
    const installing = ["plugin", "install", "github.com/org/in-go@v1.2.3", "-o", "installed"];
    const installed = await runToEnd([GATEWAYD_BINARY, ...installing], {
      cwd: directory,
      env: { GATEWAYD_PLUGININSTALLBASEURL: server.url },
    });
    expect(installed).toMatchObject({ code: 0 });
    const localPath = inside("installed", "in-go");
    const entry = {
      name: "in-go",
      localPath,
      args: ["--log-level", "info"],
      env: [`METRICS_UNIX_DOMAIN_SOCKET=${inside("go.sock")}`],
      checksum: await sha256Of(localPath),
    };
    const { outcomes, logged } = await throughGateway(entry, ["select 'in go' as said"]);
    expect(outcomes).toEqual([[{ said: "in go" }]]);
    expect(logged).toContain("plugin=in-go");
  },
  600_000,
);

testPython(
  "a plugin in Python passes its tests, and sees queries",
  async () => {
    const input = INPUT.replace("from-file", "in-python");
    writeFileSync(inside("python.yaml"), `${input}language: python\n`);
    expect((await scaffold("--input-file", "python.yaml")).code).toBe(0);
    const project = inside("plugins", "in-python");
    const python = await pythonWithPackages();
    expect(await succeed([python, "-B", "-m", "unittest"], project)).toContain("OK");
    const entry = {
      name: "in-python",
      localPath: python,
      args: ["-B", join(project, "main.py")],
      checksum: await sha256Of(python),
    };
    const { outcomes, logged } = await throughGateway(entry, ["select 'in python' as said"]);
    expect(outcomes).toEqual([[{ said: "in python" }]]);
    expect(logged).toContain("query");
  },
  300_000,
);
