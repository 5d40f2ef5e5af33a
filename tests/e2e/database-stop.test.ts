/**
 * A database that is told to stop is not held up by connections the gateway dials ahead: PostgreSQL
 * waits for the startup of each that it accepts while it shuts down.
 */
import { expect, test } from "bun:test";
import { Client } from "pg";
import {
  connectionsToPort,
  oneBlockConfig,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

const SIZE = 30;
/** Far below `authentication_timeout` (1 min), which is what it took before. */
const STOP_LIMIT_MS = 5_000;

test("a fast shutdown under load is fast, and clients are served right after the start", async () => {
  await using postgres = await startPostgres({ maxConnections: 100 });
  await using gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, { pool: { size: SIZE } }),
  });
  const { host, port } = gatewayd;
  const connect = async (): Promise<Client> => {
    const client = new Client({ host, port, user: "postgres", database: "postgres" });
    client.on("error", () => {}); // It is told of the shutdown: that is the point.
    await client.connect();
    return client;
  };
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: 10 }, connect));
    const answers = Promise.allSettled(
      clients.map((client) => client.query("select pg_sleep(60)")),
    );
    const stoppedAt = performance.now();
    await postgres.stop("fast");
    expect(performance.now() - stoppedAt).toBeLessThan(STOP_LIMIT_MS);
    expect((await answers).map(({ status }) => status)).toEqual(clients.map(() => "rejected"));
    await postgres.start();
    const startedAt = performance.now();
    const client = await connect();
    await client.query("select 1");
    expect(performance.now() - startedAt).toBeLessThan(STOP_LIMIT_MS);
    await client.end();
    const count = () => connectionsToPort(gatewayd.process.pid, postgres.port);
    await waitFor("a full pool", count, { until: (open) => open === SIZE });
  }
}, 120_000);
