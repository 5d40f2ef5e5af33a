/** The .deb and the .rpm: installed, run, upgraded and removed, on a copy of this machine that is thrown away. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { instanceUnit } from "../../scripts/release/instance-unit.ts";
import { makeLinuxPackages, NFPM_PROGRAM } from "../../scripts/release/linux-packages.ts";
import {
  type ScratchRoot,
  scratchRootProblem,
  startScratchRoot,
} from "../fixtures/scratch-root.ts";
import {
  freePort,
  GATEWAYD_BINARY,
  type PostgresServer,
  psql,
  startPostgres,
  startProcess,
  testWhere,
} from "../kit/index.ts";

const problem =
  Bun.which("dpkg") === null
    ? "dpkg is not installed"
    : !existsSync(NFPM_PROGRAM) && Bun.which("go") === null
      ? "Go is not installed, and with it nfpm is built"
      : scratchRootProblem();
const testPackage = testWhere(problem === undefined, problem ?? "");

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-deb-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function makePackage(kind: "deb" | "rpm", version: string): Promise<string> {
  const [path = ""] = await makeLinuxPackages({
    arch: process.arch === "arm64" ? "arm64" : "amd64",
    version,
    binary: GATEWAYD_BINARY,
    runnable: GATEWAYD_BINARY,
    modifiedAt: new Date(0),
    directory,
    kinds: [kind],
  });
  return path;
}

/** Changes the configuration, so that it can be told from the shipped one. */
const CHANGE = "sed -i 's/^# Every key.*/# mine/' /etc/gatewayd.yaml";

/** Runs the installed program as the unit does, with the configuration that is installed, and asks it something. */
async function expectToServe(root: ScratchRoot): Promise<void> {
  const port = await freePort();
  const env = {
    ...process.env,
    GATEWAYD_API_ENABLED: "false",
    GATEWAYD_METRICS_DEFAULT_ENABLED: "false",
    GATEWAYD_CLIENTS_DEFAULT_WRITES_ADDRESS: postgres.address,
    GATEWAYD_SERVERS_DEFAULT_ADDRESS: `127.0.0.1:${port}`,
  };
  const { stdout: unit } = await root.run("cat /usr/lib/systemd/system/gatewayd.service");
  const command = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(" ") ?? [];
  const account = ["--reuid=gatewayd", "--regid=gatewayd", "--clear-groups"];
  const asUser = root.inside(["setpriv", ...account, ...command]);
  await using gatewayd = await startProcess(asUser, { env });
  await gatewayd.waitForLine("GatewayD is running");
  const answer = await psql("select 6 * 7", { host: "127.0.0.1", port });
  expect(answer).toMatchObject({ code: 0, stdout: "42\n" });
  expect(await gatewayd.end()).toEqual({ code: 0, signal: null });
}

/** On a fresh machine nfpm is built first. */
const DEADLINE_MS = 400_000;

testPackage(
  "the .deb is installed, run, upgraded, removed and purged",
  async () => {
    const [older, newer] = [
      await makePackage("deb", packageJson.version),
      await makePackage("deb", "99.0.0"),
    ];
    await using root = await startScratchRoot();
    await root.run(`dpkg --install ${older}`);
    expect((await root.run("dpkg --audit; dpkg --verify gatewayd")).stdout).toBe("");
    const { stdout: rights } = await root.run(
      "stat --format '%U:%G %a %n' /usr/bin/gatewayd /etc/gatewayd.yaml /etc/gatewayd_plugins.yaml",
    );
    expect(rights.split("\n")).toEqual([
      "root:root 755 /usr/bin/gatewayd",
      "root:gatewayd 640 /etc/gatewayd.yaml",
      "root:gatewayd 640 /etc/gatewayd_plugins.yaml",
      "",
    ]);
    await root.run(
      "test -s /usr/share/bash-completion/completions/gatewayd -a -s /usr/share/zsh/vendor-completions/_gatewayd",
    );
    await root.run("test -s /usr/share/fish/vendor_completions.d/gatewayd.fish");
    await root.run("test -s /usr/lib/systemd/system/gatewayd@.service");
    // What the unit refers to, and what that page refers to.
    await root.run(
      "cd /usr/share/doc/gatewayd; test -s docs/operations.md -a -s docs/cli/gatewayd.md -a -s packaging/observability/grafana/gatewayd.json",
    );
    await expectToServe(root);

    await root.run(CHANGE);
    await root.run("mkdir -p /var/lib/gatewayd /var/log/gatewayd");
    await root.run(`dpkg --install ${newer}`);
    expect((await root.run("dpkg-query --show gatewayd")).stdout).toBe("gatewayd\t99.0.0\n");
    expect((await root.run("grep --count '^# mine' /etc/gatewayd.yaml")).stdout).toBe("1\n");
    await expectToServe(root);

    await root.run("dpkg --remove gatewayd");
    await root.run(
      "test ! -e /usr/bin/gatewayd -a ! -e /usr/lib/systemd/system/gatewayd.service -a ! -e /usr/lib/systemd/system/gatewayd@.service",
    );
    expect((await root.run("grep --count '^# mine' /etc/gatewayd.yaml")).stdout).toBe("1\n");
    await root.run("dpkg --purge gatewayd");
    for (const path of ["/etc/gatewayd.yaml", "/etc/gatewayd_plugins.yaml", "/var/lib/gatewayd"]) {
      await root.run(`test ! -e ${path}`);
    }
    expect((await root.run("dpkg-query --list gatewayd 2>&1 || true")).stdout).toContain(
      "no packages found",
    );
  },
  DEADLINE_MS,
);

const hasRpm = Bun.which("rpm") !== null;
testWhere(problem === undefined && hasRpm, problem ?? "rpm is not installed")(
  "the .rpm is installed, run, upgraded and removed",
  async () => {
    const older = await makePackage("rpm", packageJson.version);
    const newer = await makePackage("rpm", "99.0.0");
    await using root = await startScratchRoot();
    // What it depends on has other names on a system of .deb.
    await root.run(`rpm --install --nodeps ${older}`);
    await expectToServe(root);

    await root.run(CHANGE);
    await root.run(`rpm --upgrade --nodeps ${newer}`);
    const { stdout: version } = await root.run("rpm --query --queryformat '%{VERSION}' gatewayd");
    expect(version.trim()).toBe("99.0.0");
    expect((await root.run("grep --count '^# mine' /etc/gatewayd.yaml")).stdout).toBe("1\n");
    await expectToServe(root);

    await root.run("rpm --erase gatewayd");
    await root.run(
      "test ! -e /usr/bin/gatewayd -a ! -e /usr/lib/systemd/system/gatewayd.service -a ! -e /usr/lib/systemd/system/gatewayd@.service",
    );
    // A configuration that was changed is put aside, not lost.
    const kept = await root.run("grep --count '^# mine' /etc/gatewayd.yaml.rpmsave");
    expect(kept.stdout).toBe("1\n");
  },
  DEADLINE_MS,
);

const hasAnalyzer = Bun.which("systemd-analyze") !== null;
testWhere(problem === undefined && hasAnalyzer, problem ?? "systemd-analyze is not installed")(
  "systemd finds nothing wrong with the units",
  async () => {
    await using root = await startScratchRoot();
    await root.run(`cp ${GATEWAYD_BINARY} /usr/bin/gatewayd`);
    const unit = join(import.meta.dir, "../../packaging/linux/gatewayd.service");
    await root.run(`cp ${unit} /usr/lib/systemd/system/`);
    const instance = join(directory, "gatewayd@.service");
    await Bun.write(instance, instanceUnit(await Bun.file(unit).text()));
    await root.run(`cp ${instance} /usr/lib/systemd/system/`);
    for (const name of ["gatewayd.service", "gatewayd@a.service"]) {
      const { stdout, stderr } = await root.run(
        `systemd-analyze verify --man=no /usr/lib/systemd/system/${name}`,
      );
      expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "" });
    }
  },
);
