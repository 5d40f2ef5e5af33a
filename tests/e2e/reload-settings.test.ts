/** Who may come, what they see, what is logged and forbidden changes while pgbench works: no transaction may fail. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Client } from "pg";
import { type PostgresServer, startPostgres, testNeeding, waitFor } from "../kit/index.ts";
import { type Load, ReloadStage } from "./reload-stage.ts";

const TLS = join(import.meta.dir, "..", "fixtures", "tls");
/** Serial numbers of the fixtures. */
const [SERVER, RENEWED] = ["1001", "1002"] as const;

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  for (const role of ["worker", "late"]) await postgres.query(`create role ${role} login`);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-settings-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** Long-lived clients, and others that connect for each transaction. */
async function loads(
  stage: ReloadStage,
  as: { readonly user?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<readonly Load[]> {
  return [await stage.load(as), await stage.load({ clients: 2, args: ["-C"], ...as })];
}

async function endAll(all: readonly Load[]): Promise<void> {
  for (const load of all) {
    await load.end();
    await load[Symbol.asyncDispose]();
  }
}

testNeeding("pgbench")(
  "levels of the log",
  async () => {
    await using stage = await ReloadStage.start(postgres.address);
    const all = await loads(stage);
    const setLevel = async (level: string): Promise<unknown> =>
      await stage.change(({ loggers }) => Object.assign(loggers["default"] ?? {}, { level }));
    expect(await setLevel("debug")).toMatchObject({ changed: ["loggers.default.level"] });
    await stage.gatewayd.process.waitForLine("DBG Received data from client");
    // What was written before may still be on its way when the reload is answered.
    const since = stage.gatewayd.process.lineCount;
    await setLevel("info");
    const changed = await stage.gatewayd.process.waitForLine("Reloaded the configuration", {
      since,
    });
    for (const load of all) await load.proceeds();
    const told = stage.gatewayd.process.lines(since).map(({ text }) => text);
    const later = told.slice(told.indexOf(changed));
    expect(later.filter((text) => text.includes(" DBG "))).toEqual([]);
    await endAll(all);
  },
  60_000,
);

testNeeding("pgbench")(
  "users",
  async () => {
    const usersFile = join(directory, "users.yaml");
    const worker = { name: "worker", password: "walrus" };
    const late = { name: "late", password: "otter" };
    const write = async (...users: readonly object[]): Promise<void> =>
      await writeFile(usersFile, JSON.stringify({ users }));
    await write(worker);
    await using stage = await ReloadStage.start(postgres.address, {
      server: { auth: { method: "scram-sha-256", usersFile } },
    });
    const all = await loads(stage, { user: "worker", env: { PGPASSWORD: worker.password } });
    const logIn = async (): Promise<unknown> => {
      const { host, port } = stage.gatewayd;
      const login = { user: late.name, password: late.password, database: "postgres" };
      const client = new Client({ host, port, ...login });
      return await client.connect().then(
        async () => (await client.end(), "in"),
        (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
      );
    };
    expect(await logIn()).toBe("28P01");
    await write(worker, late);
    await stage.change(() => {});
    expect(await logIn()).toBe("in");
    // In another file, and only some of them.
    const other = join(directory, "others.yaml");
    await writeFile(other, JSON.stringify({ users: [worker] }));
    await stage.change(({ servers }) =>
      Object.assign(servers["default"] ?? {}, {
        auth: { method: "scram-sha-256", usersFile: other },
      }),
    );
    expect(await logIn()).toBe("28P01");
    await endAll(all);
  },
  60_000,
);

testNeeding("pgbench")(
  "the password of the login to the server, which stands in a file",
  async () => {
    await using guarded = await startPostgres({ auth: "scram-sha-256" });
    await guarded.query("create role worker login password 'walrus'");
    const file = join(directory, "password");
    await writeFile(file, "walrus\n");
    await using stage = await ReloadStage.start(guarded.address, {
      client: {
        startupParams: { user: "worker", database: "postgres", password: `file:${file}` },
      },
    });
    const all = await loads(stage);
    // Connections that there are outlive the change at the server; others need the new password.
    await guarded.query("alter role worker password 'otter'");
    await writeFile(file, "otter\n");
    expect(await stage.change(() => {})).toMatchObject({
      changed: ["clients.default.writes.startupParams.password"],
    });
    const backends = async (): Promise<readonly unknown[]> =>
      await guarded.query("select pid from pg_stat_activity where usename = 'worker' order by pid");
    const before = await backends();
    expect((await stage.type("reconnect", "default.writes")).code).toBe(0);
    await waitFor("other connections", backends, {
      until: (pids) => pids.length > 0 && !Bun.deepEquals(pids, before),
    });
    for (const load of all) await load.proceeds();
    expect(stage.gatewayd.process.output()).not.toContain("refused a login");
    await endAll(all);
  },
  60_000,
);

testNeeding("pgbench")(
  "certificates",
  async () => {
    const [certFile, keyFile] = [join(directory, "shown.crt"), join(directory, "shown.key")];
    const show = async (name: string): Promise<void> => {
      await copyFile(join(TLS, `${name}.crt`), certFile);
      await copyFile(join(TLS, `${name}.key`), keyFile);
    };
    await show("server");
    await using stage = await ReloadStage.start(postgres.address, {
      server: { auth: { method: "trust" }, enableTLS: true, tlsMode: "require", certFile, keyFile },
    });
    const all = await loads(stage, { env: { PGSSLMODE: "require" } });
    expect(await serialAt(stage.gatewayd.port)).toBe(SERVER);
    await show("renewed");
    await stage.change(() => {});
    expect(await serialAt(stage.gatewayd.port)).toBe(RENEWED);
    await stage.change(({ servers }) => {
      const files = {
        certFile: join(TLS, "server.crt"),
        keyFile: join(TLS, "server.key"),
      };
      Object.assign(servers["default"] ?? {}, files);
    });
    expect(await serialAt(stage.gatewayd.port)).toBe(SERVER);
    await endAll(all);
  },
  60_000,
);

/** Of the certificate that clients see. */
async function serialAt(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, rejectUnauthorized: false };
    const socket = connect({ ...options, ALPNProtocols: ["postgresql"] }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

testNeeding("pgbench")(
  "policies and rules",
  async () => {
    await using stage = await ReloadStage.start(postgres.address);
    const all = await loads(stage);
    const { host, port } = stage.gatewayd;
    const client = new Client({ host, port, user: "postgres", database: "postgres" });
    client.on("error", () => {});
    await client.connect();
    const drop = async (): Promise<unknown> =>
      await client.query("drop table if exists nothing").then(
        () => "done",
        (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
      );
    expect(await drop()).toBe("done");
    const rules = [
      {
        name: "no drops",
        condition: `query.contains("drop")`,
        terminate: { sqlState: "42501", message: "no" },
      },
    ];
    expect(await stage.changePlugins({ plugins: [], rules })).toMatchObject({
      changed: ["rules.no drops"],
    });
    expect(await drop()).toBe("42501");
    for (const load of all) await load.proceeds();
    await stage.changePlugins({ plugins: [] });
    expect(await drop()).toBe("done");
    const policies = [{ name: "terminate", policy: "false" }];
    expect(await stage.changePlugins({ plugins: [], policies })).toMatchObject({
      changed: ["policies.terminate"],
    });
    await client.end();
    await endAll(all);
  },
  60_000,
);
