import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import {
  type GatewaydProcess,
  psql,
  startGatewayd,
  startPostgres,
  testNeeding,
} from "../kit/index.ts";

/** Every key of GatewayD 0.10.3, two blocks, booleans in capitals; byte for byte as its users have it. */
const UNCHANGED = join(import.meta.dir, "..", "fixtures", "config", "gatewayd-0.10.3.yaml");

/** Only addresses differ: they come from the environment, as on a machine where ports are taken. */
async function startUnchanged(one: string, other: string): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: await readFile(UNCHANGED, "utf8"),
    env: {
      GATEWAYD_CLIENTS_DEFAULT_WRITES_ADDRESS: one,
      GATEWAYD_CLIENTS_DEFAULT_READS_ADDRESS: other,
      GATEWAYD_SERVERS_DEFAULT_ADDRESS: "127.0.0.1:0",
      GATEWAYD_API_HTTPADDRESS: "127.0.0.1:0",
      GATEWAYD_API_GRPCADDRESS: "127.0.0.1:0",
      GATEWAYD_METRICS_DEFAULT_ADDRESS: "127.0.0.1:0",
    },
  });
}

testNeeding("psql")("an unchanged configuration of GatewayD serves psql", async () => {
  await using one = await startPostgres();
  await using other = await startPostgres();
  await using gatewayd = await startUnchanged(one.address, other.address);
  expect(await psql("select 1, true", gatewayd)).toEqual({
    code: 0,
    signal: null,
    stdout: "1|t\n",
    stderr: "",
  });
  const output = Bun.stripANSI(gatewayd.process.output());
  for (const name of ["writes", "reads"]) {
    expect(output).toContain(
      `INF There are clients available in the pool count=10 group=default name=${name}`,
    );
  }
  expect(output).not.toMatch(/ (ERR|FTL) /);
  await gatewayd.stop();
});

test("an unchanged configuration with consistentHash keeps a client's address on one block", async () => {
  await using one = await startPostgres();
  await using other = await startPostgres();
  await using gatewayd = await startUnchanged(one.address, other.address);
  const ports = new Set<unknown>();
  for (let round = 0; round < 6; round++) {
    const { host, port } = gatewayd;
    const client = new Client({ host, port, user: "postgres", database: "postgres" });
    await client.connect();
    ports.add((await client.query("select inet_server_port() as port")).rows[0]?.port);
    await client.end();
  }
  expect(ports.size).toBe(1);
  await gatewayd.stop();
});
