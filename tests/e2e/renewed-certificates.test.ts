/** Certificates of the doors and of the metrics page that are renewed are shown without a restart. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import {
  freePort,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

const TLS = join(import.meta.dir, "..", "fixtures", "tls");
/** Serial numbers of the fixtures. */
const [SERVER, RENEWED] = ["1001", "1002"] as const;

let postgres: PostgresServer;
const directory = mkdtempSync(join(tmpdir(), "gatewayd-renewed-"));
const certFile = join(directory, "shown.crt");
const keyFile = join(directory, "shown.key");

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** Puts a certificate of the fixtures, and its key, in the place of what is there, as renewing tools do. */
function show(name: string): void {
  for (const [file, kind] of [
    [certFile, "crt"],
    [keyFile, "key"],
  ] as const) {
    copyFileSync(join(TLS, `${name}.${kind}`), `${file}.next`);
    renameSync(`${file}.next`, file);
  }
}

async function serialAt(port: number, protocol: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, rejectUnauthorized: false };
    const socket = connect({ ...options, ALPNProtocols: [protocol] }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.end();
    });
    socket.on("error", reject);
  });
}

test("the metrics page, REST and gRPC show a renewed certificate, and keep the old one while the new is no good", async () => {
  show("server");
  const [rest, grpc, page] = [await freePort(), await freePort(), await freePort()];
  const [httpAddress, grpcAddress, address] = [rest, grpc, page].map((port) => `127.0.0.1:${port}`);
  await using gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      parts: {
        api: { httpAddress, grpcAddress, certFile, keyFile },
        metrics: { default: { certFile, keyFile } },
      },
    }),
    env: { GATEWAYD_METRICS_DEFAULT_ADDRESS: String(address) },
  });
  const shown = async (): Promise<readonly string[]> => [
    await serialAt(page, "http/1.1"),
    await serialAt(rest, "http/1.1"),
    await serialAt(grpc, "h2"),
  ];
  expect(await shown()).toEqual([SERVER, SERVER, SERVER]);
  writeFileSync(certFile, "not a certificate");
  await gatewayd.process.waitForLine("Failed to reload the TLS certificates of the admin API");
  await gatewayd.process.waitForLine("Failed to reload the TLS certificates of the metrics page");
  expect(await shown()).toEqual([SERVER, SERVER, SERVER]);
  show("renewed");
  await waitFor("the renewed certificate", shown, {
    until: (serials) => serials.every((serial) => serial === RENEWED),
    retryErrors: true,
  });
  const options = { tls: { rejectUnauthorized: false } };
  expect((await fetch(`https://127.0.0.1:${rest}/livez`, options)).status).toBe(200);
  expect((await fetch(`https://127.0.0.1:${page}/metrics`, options)).status).toBe(200);
  await gatewayd.stop();
}, 60_000);
