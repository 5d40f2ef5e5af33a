/** How clients prove who they are at the gateway, by psql. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmod, cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "../fixtures/certificates.ts";
import {
  oneBlockConfig,
  type PostgresServer,
  psql,
  startGatewayd,
  startPostgres,
  testNeeding,
} from "../kit/index.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures", "tls");

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-logins-"));
  await cp(FIXTURES, directory, { recursive: true });
  // libpq wants keys that nobody else can read.
  for (const name of ["client", "other-client"]) await chmod(pathOf(`${name}.key`), 0o600);
  await writeFile(pathOf("users.txt"), '"postgres" "secret"\n');
}, 60_000);

afterAll(async () => {
  await rm(directory, { recursive: true });
  await postgres[Symbol.asyncDispose]();
});

function pathOf(name: string): string {
  return join(directory, name);
}

async function startWith(auth: object, tls: object | undefined = {}) {
  const usersFile = pathOf("users.txt");
  const files = { certFile: pathOf("server.crt"), keyFile: pathOf("server.key") };
  const gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction" },
      server: { auth: { usersFile, ...auth }, ...(tls && { enableTLS: true, ...files, ...tls }) },
    }),
  });
  /** The answer to a login: what psql prints, or why it could not. */
  const login = async (env: Readonly<Record<string, string>>): Promise<string> => {
    const { host, port } = gatewayd;
    const { code, stdout, stderr } = await psql("select current_user", {
      host,
      port,
      env: { PGSSLMODE: "require", ...env },
    });
    return code === 0 ? stdout.trim() : stderr;
  };
  return {
    login,
    [Symbol.asyncDispose]: async () => {
      await gatewayd.stop();
      await gatewayd[Symbol.asyncDispose]();
    },
  };
}

function showing(name: string): Record<string, string> {
  return { PGSSLCERT: pathOf(`${name}.crt`), PGSSLKEY: pathOf(`${name}.key`) };
}

const RIGHT = { PGPASSWORD: "secret" };
const WRONG = { PGPASSWORD: "wrong" };
const PLAIN = { PGSSLMODE: "disable" };

describe("scram-sha-256", () => {
  testNeeding("psql")("is bound to the TLS connection where the client demands it", async () => {
    await using gatewayd = await startWith({ method: "scram-sha-256" });
    const bound = { PGCHANNELBINDING: "require" };
    expect(await gatewayd.login({ ...RIGHT, ...bound })).toBe("postgres");
    expect(await gatewayd.login({ ...WRONG, ...bound })).toContain("password authentication");
    expect(await gatewayd.login({ ...RIGHT, PGCHANNELBINDING: "disable" })).toBe("postgres");
    expect(await gatewayd.login({ ...RIGHT, ...PLAIN })).toBe("postgres");
    expect(await gatewayd.login({ ...RIGHT, ...PLAIN, ...bound })).toContain("channel binding");
  });
});

describe("cleartext", () => {
  testNeeding("psql")("is asked for with TLS only", async () => {
    await using gatewayd = await startWith({ method: "cleartext" });
    expect(await gatewayd.login(RIGHT)).toBe("postgres");
    expect(await gatewayd.login(WRONG)).toContain("password authentication failed");
    expect(await gatewayd.login({ ...RIGHT, ...PLAIN })).toContain("needs an encrypted connection");
  });

  testNeeding("psql")("is asked for without TLS where that is allowed", async () => {
    const auth = { method: "cleartext", allowUnencryptedCleartext: true };
    await using gatewayd = await startWith(auth, undefined);
    expect(await gatewayd.login({ ...RIGHT, ...PLAIN })).toBe("postgres");
    expect(await gatewayd.login({ ...WRONG, ...PLAIN })).toContain("password authentication");
  });
});

describe("md5", () => {
  testNeeding("psql")("works, encrypted or not", async () => {
    await using gatewayd = await startWith({ method: "md5" });
    expect(await gatewayd.login(RIGHT)).toBe("postgres");
    expect(await gatewayd.login({ ...RIGHT, ...PLAIN })).toBe("postgres");
    expect(await gatewayd.login(WRONG)).toContain("password authentication failed");
  });
});

describe("cert", () => {
  const verified = () => ({ tlsMode: "verify-ca", clientCAFile: pathOf("ca.crt") });

  testNeeding("psql")("lets a certificate in as the user that it names", async () => {
    await using gatewayd = await startWith({ method: "cert" }, verified());
    expect(await gatewayd.login(showing("client"))).toBe("postgres");
    const other = await gatewayd.login(showing("other-client"));
    expect(other).toContain("certificate authentication failed");
  });

  testNeeding("psql")("goes by the alternative names as well", async () => {
    const authority = makeCertificate({ commonName: "test authority", isAuthority: true });
    const names = { commonName: "machine", dnsNames: ["db.example.com", "postgres"] };
    const { cert, key } = makeCertificate({ ...names, issuer: authority });
    await writeFile(pathOf("authority.crt"), authority.cert);
    await writeFile(pathOf("named.crt"), cert);
    await writeFile(pathOf("named.key"), key, { mode: 0o600 });
    const tls = { tlsMode: "verify-ca", clientCAFile: pathOf("authority.crt") };
    await using gatewayd = await startWith({ method: "cert" }, tls);
    expect(await gatewayd.login(showing("named"))).toBe("postgres");
    const other = await gatewayd.login({ ...showing("named"), PGUSER: "shop" });
    expect(other).toContain("certificate authentication failed");
    expect(await gatewayd.login({})).not.toBe("postgres");
  });

  testNeeding("psql")("goes by the user map where there is one", async () => {
    await postgres.query("create role shop login");
    const userMap = [
      { certificate: "somebody", user: "postgres" },
      { certificate: "somebody", user: "shop" },
    ];
    await using gatewayd = await startWith({ method: "cert", userMap }, verified());
    expect(await gatewayd.login(showing("other-client"))).toBe("postgres");
    expect(await gatewayd.login({ ...showing("other-client"), PGUSER: "shop" })).toBe("shop");
    expect(await gatewayd.login(showing("client"))).toContain("certificate authentication failed");
  });
});
