/** The archive of a release, unpacked into an empty folder, and install.sh, which fetches it. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import type { Target } from "../../scripts/build.ts";
import { checksumsOf } from "../../scripts/release/checksums.ts";
import { installScript } from "../../scripts/release/install-script.ts";
import { makePlatformArchive } from "../../scripts/release/platform-archive.ts";
import {
  GATEWAYD_BINARY,
  type PostgresServer,
  type ProcessOptions,
  psql,
  runToEnd,
  startGatewayd,
  startPostgres,
  testNeeding,
  testWhere,
  unprivilegedAccount,
} from "../kit/index.ts";

const { version } = packageJson;
const target = `${process.platform}-${process.arch}` as Target;

let directory: string;
/** Holds the files of the release. */
let release: string;
let archive: string;
let server: ReturnType<typeof Bun.serve>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-release-"));
  await chmod(directory, 0o755);
  release = join(directory, "release");
  await mkdir(release);
  const modifiedAt = new Date(0);
  const made = { target, version, binary: GATEWAYD_BINARY, directory: release, modifiedAt };
  archive = await makePlatformArchive({ ...made, level: 1 });
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch({ url }) {
      const file = Bun.file(join(release, new URL(url).pathname.slice(1)));
      return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
    },
  });
  await writeChecksums(await checksumsOf([archive]));
}, 60_000);

afterAll(async () => {
  await server.stop(true);
  await rm(directory, { recursive: true });
});

async function writeChecksums(text: string): Promise<void> {
  await writeFile(join(release, "checksums.txt"), text);
  await chmod(join(release, "checksums.txt"), 0o644);
}

describe("the archive", () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);
  afterAll(() => postgres[Symbol.asyncDispose]());

  testNeeding("tar")("has all that is needed, and the program in it serves a query", async () => {
    const folder = await mkdtemp(join(directory, "empty-"));
    const unpacked = await runToEnd(["tar", "-xzf", archive, "-C", folder]);
    expect(unpacked).toMatchObject({ code: 0, stderr: "" });
    expect((await readdir(folder)).sort()).toEqual([
      "LICENSE",
      "README.md",
      "gatewayd",
      "gatewayd.yaml",
      "gatewayd_plugins.yaml",
    ]);
    const binary = join(folder, "gatewayd");
    const linted = await runToEnd([binary, "config", "lint"], { cwd: folder, env: {} });
    expect(linted).toMatchObject({ code: 0, stderr: "global config is valid\n" });

    await using gatewayd = await startGatewayd({
      binary,
      config: await Bun.file(join(folder, "gatewayd.yaml")).text(),
      plugins: await Bun.file(join(folder, "gatewayd_plugins.yaml")).text(),
      env: {
        GATEWAYD_API_ENABLED: "false",
        GATEWAYD_METRICS_DEFAULT_ENABLED: "false",
        GATEWAYD_CLIENTS_DEFAULT_WRITES_ADDRESS: postgres.address,
        GATEWAYD_SERVERS_DEFAULT_ADDRESS: "127.0.0.1:0",
      },
    });
    const answer = await psql("select 6 * 7", { host: gatewayd.host, port: gatewayd.port });
    expect(answer).toMatchObject({ code: 0, stdout: "42\n" });
    await gatewayd.stop();
  });
});

describe("install.sh", () => {
  /** Programs that the script may find, and none beside them. */
  async function pathWith(...programs: readonly string[]): Promise<string> {
    const folder = await mkdtemp(join(directory, "path-"));
    await chmod(folder, 0o755);
    const usual = ["sh", "uname", "id", "ls", "awk", "cut", "mktemp", "rm", "tar", "gzip", "mkdir"];
    for (const name of [...usual, "cp", "chmod", "mv", "cat", ...programs]) {
      const path = Bun.which(name);
      if (path === null) throw new Error(`${name} is not installed`);
      await symlink(path, join(folder, name));
    }
    return folder;
  }

  async function install(
    options: ProcessOptions & { readonly from?: string; readonly args?: readonly string[] },
  ) {
    const script = join(await mkdtemp(join(directory, "script-")), "install.sh");
    await chmod(join(script, ".."), 0o755);
    const from = options.from ?? `http://127.0.0.1:${server.port}`;
    await writeFile(script, await installScript({ version, from }));
    return await runToEnd(["/bin/sh", script, ...(options.args ?? [])], options);
  }

  async function versionOf(program: string): Promise<string> {
    return (await runToEnd([program, "version"], { env: {} })).stderr;
  }

  for (const fetcher of ["curl", "wget"] as const) {
    testNeeding(fetcher)(`installs with ${fetcher}, over a program that is there`, async () => {
      const to = await mkdtemp(join(directory, "to-"));
      await writeFile(join(to, "gatewayd"), "an older one");
      const env = { PATH: await pathWith(fetcher, "sha256sum") };
      const result = await install({ env, args: ["--to", to] });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(result.stdout).toStartWith(`gatewayd ${version} is in ${to}\n${to} is not in PATH\n`);
      expect(await readdir(to)).toEqual(["gatewayd"]);
      expect(await versionOf(join(to, "gatewayd"))).toStartWith(`GatewayD ${version} (`);
    });
  }

  testWhere(process.getuid?.() === 0, "it needs root to be somebody else")(
    "installs for a user into the own home, from a folder too",
    async () => {
      const account = unprivilegedAccount();
      const home = await mkdtemp(join(directory, "home-"));
      if (account !== undefined) await chown(home, account.uid, account.gid);
      const env = { PATH: process.env["PATH"], HOME: home };
      const result = await install({ ...account, env, from: release });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      const program = join(home, ".local", "bin", "gatewayd");
      expect(await versionOf(program)).toStartWith(`GatewayD ${version} (`);
    },
  );

  testNeeding("curl")(
    "installs nothing when a checksum is wrong, or missing, or a file",
    async () => {
      const to = join(directory, "nothing");
      const env = { PATH: process.env["PATH"] };
      const right = await checksumsOf([archive]);
      const name = basename(archive);
      try {
        await writeChecksums(right.replace(/^../, (start) => (start === "00" ? "11" : "00")));
        expect(await install({ env, args: ["--to", to] })).toMatchObject({
          code: 1,
          stderr: expect.stringContaining(`install.sh: the checksum of ${name} is wrong: `),
        });
        await writeChecksums(right.replace(name, `other-${name}`));
        expect(await install({ env, args: ["--to", to] })).toMatchObject({
          code: 1,
          stderr: `install.sh: checksums.txt of the release does not name ${name}\n`,
        });
      } finally {
        await writeChecksums(right);
      }
      const nowhere = `http://127.0.0.1:${server.port}/elsewhere`;
      expect(await install({ env, from: nowhere, args: ["--to", to] })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`install.sh: cannot get ${nowhere}/checksums.txt`),
      });
      expect(existsSync(to)).toBe(false);
    },
  );

  testNeeding("wget")("says which programs it lacks, and what it does not understand", async () => {
    const env = { PATH: await pathWith("sha256sum") };
    expect((await install({ env })).stderr).toContain("neither curl nor wget is installed");
    const unable = { PATH: await pathWith("wget") };
    const result = await install({ env: unable, args: ["--to", directory] });
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("sha256sum, shasum") });
    expect((await install({ env, args: ["--too", "x"] })).stderr).toContain('what is "--too"?');
    expect((await install({ env, from: "" })).stderr).toContain("--from URL");
  });
});
