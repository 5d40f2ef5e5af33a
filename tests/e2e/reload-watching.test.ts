/** What watches and administrates a gateway follows its files: logs, metrics pages, doors of the API, traces. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Client } from "pg";
import { OtlpCollector } from "../fixtures/otlp/otlp-collector.ts";
import {
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  type OneBlockOptions,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { keepLogFiles } from "../kit/transcripts.ts";
import { V1, withToken } from "./admin-doors.ts";
import { reload } from "./reloading.ts";

const TLS = join(import.meta.dir, "..", "fixtures", "tls");
const POOLED: OneBlockOptions = {
  pool: { mode: "transaction", size: 2 },
  server: { auth: { method: "trust" } },
};

let postgres: PostgresServer;
let directory = "";

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-reload-"));
});
afterEach(() => {
  keepLogFiles(directory);
  rmSync(directory, { recursive: true });
});

function configWith(parts: object, options: OneBlockOptions = POOLED): string {
  return oneBlockConfig(postgres.address, { ...options, parts });
}

async function connected({ host, port }: GatewaydProcess): Promise<Client> {
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  await client.connect();
  return client;
}

/** Puts a certificate of the fixtures, and its key, in the place of what is there, as renewing tools do. */
function show(name: string): { readonly certFile: string; readonly keyFile: string } {
  const [certFile, keyFile] = [join(directory, "shown.crt"), join(directory, "shown.key")] as const;
  copyFileSync(join(TLS, `${name}.crt`), `${certFile}.next`);
  copyFileSync(join(TLS, `${name}.key`), `${keyFile}.next`);
  renameSync(`${certFile}.next`, certFile);
  renameSync(`${keyFile}.next`, keyFile);
  return { certFile, keyFile };
}

/** Serial number of the certificate that is shown at a port. */
async function serialAt(port: number, protocols: readonly string[] = []): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, rejectUnauthorized: false };
    const socket = connect({ ...options, ALPNProtocols: [...protocols] }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.end();
    });
    socket.on("error", reject);
  });
}

const SERVER = "1001";
const RENEWED = "1002";

test("levels, outputs, files and the threshold of slow queries, for sessions that there are as well", async () => {
  const file = (name: string, logger: object = {}) =>
    configWith(
      {},
      { ...POOLED, logger: { output: ["file"], fileName: join(directory, name), ...logger } },
    );
  const contents = (name: string): string =>
    existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : "";
  await using gatewayd = await startGatewayd({
    config: configWith({}, { ...POOLED, logger: { output: ["console"] } }),
  });
  const client = await connected(gatewayd);
  const write = async (config: string): Promise<void> => {
    await Bun.write(join(gatewayd.directory, "gatewayd.yaml"), config);
    gatewayd.process.kill("SIGHUP");
  };
  await write(file("first.log"));
  await waitFor("the first file", () => contents("first.log").includes("Reloaded the config"));
  await client.query("select 1");

  await write(file("second.log", { level: "debug", slowQueryThreshold: "1ms" }));
  await waitFor("the second file", () => contents("second.log").includes("Reloaded the config"));
  await client.query("select pg_sleep(0.01)");
  await waitFor("the slow query", () => contents("second.log").includes('"message":"Slow query"'));
  expect(contents("second.log")).toContain('"message":"Received data from client"');
  expect(contents("first.log")).not.toContain("Received data from client");

  // What has moved the file away says so by the signal, as before.
  renameSync(join(directory, "second.log"), join(directory, "second.1"));
  gatewayd.process.kill("SIGUSR1");
  await waitFor("the new file", () => contents("second.log").includes("Log files are opened anew"));
  await client.end();
  await gatewayd.stop();
  expect(contents("second.log")).toContain('"message":"GatewayD is shutdown"');
}, 60_000);

test("the metrics page has another path, encrypts, and shows a renewed certificate", async () => {
  const port = await freePort();
  const page = (keys: object) => configWith({ metrics: { default: keys } });
  await using gatewayd = await startGatewayd({
    config: page({}),
    env: { GATEWAYD_METRICS_DEFAULT_ADDRESS: `127.0.0.1:${port}` },
  });
  const status = async (url: string): Promise<number | string> =>
    await fetch(url, { tls: { rejectUnauthorized: false } }).then(
      async (response) => (await response.text(), response.status),
      () => "nobody",
    );
  expect(await status(`http://127.0.0.1:${port}/metrics`)).toBe(200);
  expect(await reload(gatewayd, { config: page({ path: "/other" }) })).toBe(true);
  expect(await status(`http://127.0.0.1:${port}/metrics`)).toBe(404);
  expect(await status(`http://127.0.0.1:${port}/other`)).toBe(200);
  expect(await reload(gatewayd, { config: page(show("server")) })).toBe(true);
  expect(await serialAt(port)).toBe(SERVER);
  show("renewed");
  await waitFor("the renewed certificate", () => serialAt(port), {
    until: (serial) => serial === RENEWED,
    retryErrors: true,
  });
  show("server");
  expect(await reload(gatewayd, {})).toBe(true);
  expect(await serialAt(port)).toBe(SERVER);
  expect(await status(`https://127.0.0.1:${port}/metrics`)).toBe(200);
  await gatewayd.stop();
}, 60_000);

test("tokens, addresses and certificates of the API", async () => {
  const [first, second] = [await freePort(), await freePort()];
  const grpc = await freePort();
  const tokens = (...names: readonly string[]) => ({
    auth: {
      tokens: names.map((name) => withToken(name, name, "viewer")),
    },
  });
  const api = (rest: number, more: object) =>
    configWith({
      api: { httpAddress: `127.0.0.1:${rest}`, grpcAddress: `127.0.0.1:${grpc}`, ...more },
    });
  await using gatewayd = await startGatewayd({ config: api(first, tokens("anna", "bert")) });
  const ask = async (port: number, token: string, scheme = "http"): Promise<number | string> =>
    await fetch(`${scheme}://127.0.0.1:${port}${V1}/Version`, {
      headers: { authorization: `Bearer ${token}` },
      tls: { rejectUnauthorized: false },
    }).then(
      async (response) => (await response.text(), response.status),
      () => "nobody",
    );
  expect([await ask(first, "anna"), await ask(first, "carl")]).toEqual([200, 401]);
  expect(await reload(gatewayd, { config: api(first, tokens("bert", "carl")) })).toBe(true);
  const answers = [await ask(first, "anna"), await ask(first, "bert"), await ask(first, "carl")];
  expect(answers).toEqual([401, 200, 200]);

  expect(await reload(gatewayd, { config: api(second, tokens("carl")) })).toBe(true);
  expect([await ask(first, "carl"), await ask(second, "carl")]).toEqual(["nobody", 200]);

  // An address that another program has is refused before anything is changed.
  const taken = api(postgres.port, tokens("anna"));
  expect(await reload(gatewayd, { config: taken })).toBe(false);
  expect([await ask(second, "anna"), await ask(second, "carl")]).toEqual([401, 200]);

  const encrypted = { ...tokens("carl"), ...show("server") };
  expect(await reload(gatewayd, { config: api(second, encrypted) })).toBe(true);
  expect(await ask(second, "carl", "https")).toBe(200);
  expect([await serialAt(second), await serialAt(grpc, ["h2"])]).toEqual([SERVER, SERVER]);
  show("renewed");
  await waitFor("the renewed certificate", () => serialAt(second), {
    until: (serial) => serial === RENEWED,
    retryErrors: true,
  });
  await waitFor("the same for gRPC", () => serialAt(grpc, ["h2"]), {
    until: (serial) => serial === RENEWED,
    retryErrors: true,
  });
  expect(await reload(gatewayd, { config: configWith({ api: { enabled: false } }) })).toBe(true);
  expect(await ask(second, "carl", "https")).toBe("nobody");
  expect(await reload(gatewayd, { config: api(first, tokens("dora")) })).toBe(true);
  expect(await ask(first, "dora")).toBe(200);
  await gatewayd.stop();
}, 60_000);

test("who may log in to the console, for whoever comes then", async () => {
  await postgres.query("create role ann password 'walrus'");
  const rows = await postgres.query("select rolpassword from pg_authid where rolname = 'ann'");
  const ann = { name: "ann", role: "viewer", verifier: rows[0]?.["rolpassword"] };
  const withUsers = (users: readonly object[]) => configWith({ admin: { console: { users } } });
  await using gatewayd = await startGatewayd({ config: withUsers([]) });
  const version = async (): Promise<string> => {
    const { host, port } = gatewayd;
    const client = new Client({
      host,
      port,
      user: "ann",
      password: "walrus",
      database: "gatewayd",
    });
    try {
      await client.connect();
      await client.query("show version");
      await client.end();
      return "served";
    } catch {
      return "refused";
    }
  };
  expect(await version()).toBe("refused");
  expect(await reload(gatewayd, { config: withUsers([ann]) })).toBe(true);
  expect(await version()).toBe("served");
  expect(await reload(gatewayd, { config: withUsers([]) })).toBe(true);
  expect(await version()).toBe("refused");
  await gatewayd.stop();
}, 60_000);

test("the share of traces and the headers that they are sent with", async () => {
  await using collector = await OtlpCollector.start();
  const traced = (tracing: object) => configWith({ tracing });
  await using gatewayd = await startGatewayd({
    config: traced({ ratio: 0 }),
    args: ["--tracing", "--collector-url", collector.address],
    env: { OTEL_BSP_SCHEDULE_DELAY: "50" },
  });
  const client = await connected(gatewayd);
  await client.query("select 'nobody sees this'");
  expect(await reload(gatewayd, { config: traced({ ratio: 1, headers: { team: "b" } }) })).toBe(
    true,
  );
  const late = await connected(gatewayd);
  await late.query("select 42");
  await waitFor("the spans of the late client", () =>
    collector.spans.some(({ attributes }) => attributes["db.query.text"] === "select $1"),
  );
  expect(collector.headers.at(-1)?.get("team")).toBe("b");
  await Promise.all([client.end(), late.end()]);
  await gatewayd.stop();
}, 60_000);
