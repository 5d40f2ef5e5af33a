/**
 * Shows the gateway at work: `bun start [--once]`.
 *
 * Builds the executable if needed, starts a PostgreSQL of its own with a small sample database, puts the
 * executable with the shipped configuration in front of it, sends some queries through it and tells what
 * happened. Then everything stays up until Ctrl-C; with `--once` it ends at once, with exit code 0 if all went well.
 */
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "pg";
import {
  type GatewaydProcess,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../tests/kit/index.ts";
import { build } from "./build.ts";
import { root, runScript } from "./repository.ts";

const CONFIG = "config/gatewayd.yaml";
const PLUGINS = "config/gatewayd_plugins.yaml";
const DATABASE = "shop";
const WANTED_PORT = 15432;

const SAMPLE = `
  create table customers (id int primary key, name text not null, city text not null);
  create table orders (
    id int generated always as identity primary key,
    customer_id int not null references customers,
    amount numeric(8, 2) not null,
    ordered_on date not null
  );
  insert into customers values (1, 'Ada', 'London'), (2, 'Grace', 'New York'), (3, 'Edsger', 'Rotterdam');
  insert into orders (customer_id, amount, ordered_on) values
    (1, 19.90, '2025-01-04'), (1, 5.00, '2025-01-09'), (2, 120.00, '2025-02-11'), (3, 42.42, '2025-03-14');
`;

/** What is sent through the gateway: one query without and one with a parameter, and a transaction. */
const QUERIES: readonly { readonly text: string; readonly values?: readonly unknown[] }[] = [
  {
    text: `select name, city, count(*)::int as orders, sum(amount) as total
           from customers join orders on customer_id = customers.id
           group by customers.id order by total desc`,
  },
  {
    text: "select id, amount from orders where customer_id = $1 order by id",
    values: [1],
  },
  { text: "begin" },
  { text: "update orders set amount = amount * 0.9 where amount > 100 returning id, amount" },
  { text: "rollback" },
];

function say(line = ""): void {
  console.log(line);
}

/** Whether the port the shipped configuration names is free on this machine. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function startSampleDatabase(): Promise<PostgresServer> {
  const postgres = await startPostgres();
  await postgres.query(`create database ${DATABASE}`);
  await postgres.query(SAMPLE, DATABASE);
  return postgres;
}

async function startInFrontOf(postgres: PostgresServer, binary: string): Promise<GatewaydProcess> {
  const port = (await isFree(WANTED_PORT)) ? WANTED_PORT : 0;
  return await startGatewayd({
    binary,
    config: await Bun.file(join(root, CONFIG)).text(),
    plugins: await Bun.file(join(root, PLUGINS)).text(),
    env: {
      GATEWAYD_CLIENTS_DEFAULT_WRITES_ADDRESS: postgres.address,
      GATEWAYD_SERVERS_DEFAULT_ADDRESS: `127.0.0.1:${port}`,
      // Another gateway may have the usual ports.
      GATEWAYD_API_HTTPADDRESS: "127.0.0.1:0",
      GATEWAYD_API_GRPCADDRESS: "127.0.0.1:0",
      // At this level every hook event is a line of the log.
      GATEWAYD_LOGGERS_DEFAULT_LEVEL: "trace",
      GATEWAYD_LOGGERS_DEFAULT_NOCOLOR: "true",
    },
  });
}

/** Sends the queries, one after the other, on one connection to the gateway, and shows the rows. */
async function sendQueries(gateway: GatewaydProcess): Promise<void> {
  const client = new Client({
    host: gateway.host,
    port: gateway.port,
    user: "postgres",
    database: DATABASE,
  });
  await client.connect();
  try {
    for (const { text, values } of QUERIES) {
      const { rows } = await client.query<Record<string, unknown>>(text, values && [...values]);
      say(`\n> ${text.replaceAll(/\s+/g, " ")}${values ? `   -- ${values.join(", ")}` : ""}`);
      if (rows.length > 0) say(Bun.inspect.table(rows).trimEnd());
    }
  } finally {
    await client.end();
  }
}

/** How often each hook has fired, in the order of the first time. */
function hookEvents(gateway: GatewaydProcess): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of gateway.process.lines()) {
    const hook = /\bHook is run\b.*\bhook=(\w+)/.exec(text)?.[1];
    if (hook !== undefined) counts.set(hook, (counts.get(hook) ?? 0) + 1);
  }
  return counts;
}

/** What the log says about the pool, without time and level. */
function poolLines(gateway: GatewaydProcess): readonly string[] {
  return gateway.process
    .lines()
    .map(({ text }) => text.replace(/^\S+\s+[A-Z]{3}\s+/, ""))
    .filter((text) => !text.startsWith("Hook is run") && /\bpool\b/i.test(text));
}

async function tell(gateway: GatewaydProcess, postgres: PostgresServer): Promise<void> {
  // The client has left; the gateway notices a moment later.
  await waitFor("the gateway to notice that the client has left", () =>
    hookEvents(gateway).has("OnClosed"),
  );
  say("\nThe pool:");
  for (const line of poolLines(gateway)) say(`  ${line}`);
  say("\nHook events seen (what plugins can act on):");
  for (const [hook, count] of hookEvents(gateway)) say(`  ${hook.padEnd(24)} ${count}`);
  say("\nWhere things are:");
  say(`  gateway     psql -h ${gateway.host} -p ${gateway.port} -U postgres ${DATABASE}`);
  say(`  PostgreSQL  ${postgres.address} (behind the gateway)`);
  say(`  metrics     ${addressIn(gateway, "Metrics are exposed")}`);
  const rest = `http://${addressIn(gateway, "Started the HTTP API")}`;
  say(`  admin API   ${rest}/swagger-ui/, gRPC ${addressIn(gateway, "Started the gRPC Server")}`);
  say(`              dist/gatewayd status --address ${rest}`);
}

/** What the log says of where something listens. */
function addressIn({ process }: GatewaydProcess, message: string): string {
  const line = process.lines().find(({ text }) => text.includes(message))?.text ?? "";
  return /\baddress=(\S+)/.exec(line)?.[1] ?? "";
}

/** Resolves at Ctrl-C and its like; rejects when the gateway ends by itself. */
async function untilStopped(gateway: GatewaydProcess, stop: Promise<void>): Promise<void> {
  const ended = gateway.process.exited.then((status) => {
    throw new Error(`gatewayd has ended (${status.signal ?? `exit code ${status.code}`})`);
  });
  await Promise.race([stop, ended]);
}

await runScript(async () => {
  const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
  const stop = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => resolve());
    }
  });

  const binary = await build();
  await using postgres = await startSampleDatabase();
  say(`PostgreSQL 18 runs on ${postgres.address}, with the sample database ${DATABASE}`);
  await using gateway = await startInFrontOf(postgres, binary);
  say(`gatewayd listens on ${gateway.addresses.join(", ")}, with ${CONFIG}`);

  await sendQueries(gateway);
  await tell(gateway, postgres);
  if (!values.once) {
    say("\nCtrl-C ends all of it.");
    await untilStopped(gateway, stop);
    say("\nStopping");
  }
  await gateway.stop();
  return 0;
});
