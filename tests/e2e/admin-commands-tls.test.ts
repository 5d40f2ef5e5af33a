/** The commands that ask a gateway whose admin API is encrypted, and knows its callers by certificates. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freePort,
  type GatewaydProcess,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  testWhere,
} from "../kit/index.ts";
import { adminConfig, typed } from "./admin-doors.ts";

/** An address of this machine that the certificate of the API does not name. */
const UNNAMED = "127.0.0.2";

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;
let port: number;

const pem = (name: string): string => join(import.meta.dir, "..", "fixtures", "tls", name);

// Elsewhere 127.0.0.1 alone is this machine.
const testOnLinux = testWhere(process.platform === "linux", "needs 127.0.0.2");

beforeAll(async () => {
  postgres = await startPostgres();
  port = await freePort();
  const api = {
    httpAddress: `${UNNAMED}:${port}`,
    certFile: pem("server.crt"),
    keyFile: pem("server.key"),
    auth: {
      clientCAFile: pem("ca.crt"),
      certificates: [{ name: "postgres", role: "operator" }],
    },
  };
  gatewayd = await startGatewayd({ config: adminConfig(postgres.address, { api }) });
}, 60_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** In the directory of the configuration, or without any. */
function type(words: string, cwd = gatewayd.directory) {
  return typed(gatewayd, words, { cwd });
}

async function ownDirectory() {
  const path = await mkdtemp(join(tmpdir(), "gatewayd-commands-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

const shown = (name: string): string => `--cert ${pem(`${name}.crt`)} --key ${pem(`${name}.key`)}`;

testOnLinux("a certificate is enough, and says who asks", async () => {
  expect(await type(`status ${shown("client")}`)).toMatchObject({ code: 0, stderr: "" });
  expect(await type(`health`)).toMatchObject({ code: 0, stdout: "SERVING\n" });
  expect(await type(`set-level info ${shown("client")}`)).toMatchObject({ code: 0 });
  await gatewayd.process.waitForLine(/An administrator's command .*caller=postgres .*door=rest/);
  const refused = await type(`drain ${shown("client")}`);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    "Error: Drain needs the role admin; postgres is operator\n",
  ]);
});

testOnLinux("without one that is known they say what is missing", async () => {
  for (const flags of ["", shown("other-client")]) {
    const { code, stderr } = await type(`status ${flags}`.trim());
    expect(code).toBe(1);
    expect(stderr).toContain("put a token into GATEWAYD_TOKEN, or show a certificate with --cert");
  }
  expect((await type(`status --cert ${pem("client.crt")}`)).stderr).toContain("go together");
  const absent = await type(`status --cert ${pem("none.crt")} --key ${pem("client.key")}`);
  expect(absent.stderr).toContain(`cannot read ${pem("none.crt")}: `);
});

testOnLinux("the certificate of the configuration file is trusted, and no other", async () => {
  await using other = await ownDirectory();
  const config = await Bun.file(join(gatewayd.directory, "gatewayd.yaml")).text();
  for (const [name, problem] of [
    ["server", undefined],
    ["renewed", "no gateway answers at https://"],
    // It has signed the one of the gateway, and is another one.
    ["ca", "it shows another certificate than"],
  ] as const) {
    const changed = config.replaceAll("/server.crt", `/${name}.crt`);
    await Bun.write(join(other.path, "gatewayd.yaml"), changed);
    const { code, stderr } = await type(`status ${shown("client")}`, other.path);
    expect([name, code, stderr]).toEqual([
      name,
      problem === undefined ? 0 : 1,
      problem === undefined ? "" : expect.stringContaining(problem),
    ]);
  }
});

testOnLinux("elsewhere the API is trusted by its authority, and by its name", async () => {
  const away = (words: string) => type(`${words} ${shown("client")}`, "/");
  const unknown = await away(`status --address https://${UNNAMED}:${port}`);
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain("--ca which authorities to trust");
  const unnamed = await away(`status --address ${UNNAMED}:${port} --ca ${pem("ca.crt")}`);
  expect(unnamed.code).toBe(1);
  expect(unnamed.stderr).toContain(`no gateway answers at https://${UNNAMED}:${port}: `);
});
