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
import { makeCertificate } from "../fixtures/certificates.ts";
import { pythonWithPackages } from "../fixtures/plugins/python-packages.ts";
import { GATEWAYD_BINARY, runToEnd, startProcess, testNeeding } from "../kit/index.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-scaffold-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const inside = (...path: string[]): string => join(directory, ...path);

function scaffold(...args: string[]) {
  return runToEnd([GATEWAYD_BINARY, "plugin", "scaffold", ...args], { cwd: directory, env: {} });
}

async function succeed(command: readonly [string, ...string[]], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(command, { cwd, deadlineMs: 240_000 });
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** The first line that a plugin writes when a gateway starts it. */
async function handshakeOf(command: readonly [string, ...string[]], cwd: string): Promise<string> {
  const { cert } = makeCertificate({ commonName: "localhost", isAuthority: true });
  await using child = await startProcess(command, {
    cwd,
    env: {
      PATH: process.env["PATH"] ?? "",
      GATEWAYD_PLUGIN: "5712b87aa5d7e9f9e9ab643e6603181c5b796015cb1c09d6f5ada882bf2a1872",
      PLUGIN_PROTOCOL_VERSIONS: "1",
      PLUGIN_CLIENT_CERT: cert,
      METRICS_ENABLED: "false",
    },
  });
  return await child.waitForLine(/\|grpc\|/);
}

const HANDSHAKE = /^1\|1\|unix\|\/\S+\|grpc\|[\w+/]{100,}$/;

describe("scaffold", () => {
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

testNeeding("go")(
  "a plugin in Go is built, passes its tests, and shakes hands",
  async () => {
    const args = [
      "--language",
      "go",
      "--remote-url",
      "https://github.com/org/in-go",
      "--description",
      'A "plugin"\\',
    ];
    expect((await scaffold(...args, "--authors", "A, B", "--license", "Zlib")).code).toBe(0);
    const project = inside("plugins", "in-go");
    await succeed(["go", "build", "-o", "in-go", "."], project);
    await succeed(["go", "vet", "./..."], project);
    await succeed(["go", "test", "./..."], project);
    expect(await handshakeOf([join(project, "in-go")], project)).toMatch(HANDSHAKE);
  },
  300_000,
);

testNeeding("python3")(
  "a plugin in Python passes its tests, and shakes hands",
  async () => {
    expect((await scaffold("-l", "python", "-n", "in-python")).code).toBe(0);
    const project = inside("plugins", "in-python");
    const python = await pythonWithPackages();
    expect(await succeed([python, "-B", "-m", "unittest"], project)).toContain("OK");
    expect(await handshakeOf([python, "-B", "main.py"], project)).toMatch(HANDSHAKE);
  },
  300_000,
);
