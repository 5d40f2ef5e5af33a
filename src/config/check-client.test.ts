import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "../../tests/fixtures/certificates.ts";
import { readGlobal } from "./load-config.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-client-tls-"));
  for (const name of ["one", "other"]) {
    const { cert, key } = makeCertificate({ commonName: name });
    await writeFile(join(directory, `${name}.crt`), cert);
    await writeFile(join(directory, `${name}.key`), key);
  }
  await writeFile(join(directory, "words.txt"), "these are words\n");
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

/** What is said of a block with these keys, in pooled mode; `DIR` stands for the directory. */
function check(keys: string): string[] {
  const text = `
    clients: {default: {writes: {${keys.replaceAll(/\bDIR\b/g, directory)}}}}
    pools: {default: {writes: {mode: transaction}}}
    servers: {default: {auth: {method: trust}}}`;
  const result = readGlobal(text, "", { env: {} });
  const issues = result.ok ? result.config.warnings : result.issues;
  return issues.map(({ severity, path, message, line = 0 }) => {
    const place = line === 2 ? "" : `line ${line} `;
    return `${place}${severity} ${path.replace("clients.default.writes.", "")}: ${message}`;
  });
}

test.each([
  ["tlsMode: verify-ca", "error tlsMode: verify-ca needs caFile"],
  ["tlsMode: sometimes", "error tlsMode: must be one of disable, prefer, require, verify-ca"],
  ["tlsMode: require, caFile: DIR/one.crt", "error caFile: has an effect only with tlsMode verify"],
  ["caFile: DIR/one.crt", "error caFile: has an effect only with tlsMode verify-ca or verify-full"],
  ["tlsMode: require, certFile: DIR/one.crt", "error certFile: needs keyFile as well"],
  ["tlsMode: require, keyFile: DIR/one.key", "error keyFile: needs certFile as well"],
  ["tlsMode: require, serverName: ''", "error serverName: must not be empty"],
  ["serverName: db", "warning serverName: has no effect with tlsMode disable"],
  [
    "tlsMode: require, address: /run/postgresql",
    "error tlsMode: require is not possible: over a Unix socket nothing is encrypted",
  ],
  [
    "tlsMode: verify-full, caFile: DIR/nowhere.crt",
    "error caFile: cannot use DIR/nowhere.crt: ENOENT: no such file or directory",
  ],
  ["tlsMode: verify-full, caFile: DIR", "error caFile: cannot use DIR: EISDIR"],
  ["tlsMode: verify-full, caFile: DIR/words.txt", "error caFile: cannot use DIR/words.txt: "],
  [
    "tlsMode: require, certFile: DIR/one.crt, keyFile: DIR/other.key",
    "error certFile: DIR/other.key is not the private key of the certificate in DIR/one.crt",
  ],
  [
    "tlsMode: require, certFile: DIR/one.crt, keyFile: DIR/words.txt",
    "error certFile: cannot use DIR/words.txt: ",
  ],
  ["startupParams: {database: b}", "error startupParams.user: is required"],
  ["startupParams: {user: a}", "error startupParams.database: is required"],
  ["startupParams: shared", "error startupParams: must be a map of keys"],
  ["startupParams: {user: '', database: b}", "error startupParams.user: must not be empty"],
  [
    "startupParams: {user: a, database: b, replication: on}",
    "error startupParams.replication: is not possible: sessions share these connections",
  ],
])("`%s` is one issue", (keys, expected) => {
  const issues = check(keys);
  expect(issues).toHaveLength(1);
  expect(issues[0]).toStartWith(expected.replaceAll(/\bDIR\b/g, directory));
});

test("a file that cannot be read is an error", () => {
  const [issue] = check("tlsMode: verify-full, caFile: DIR");
  expect(issue).toContain("EISDIR");
});

test.each([
  "tlsMode: disable",
  "tlsMode: prefer, serverName: db",
  "tlsMode: prefer, address: /run/postgresql",
  "tlsMode: verify-full",
  "startupParams: {user: a, database: b}",
  "startupParams: {user: a, password: c, database: b, search_path: '', options: -c geqo=off}",
  "tlsMode: verify-ca, caFile: DIR/one.crt, certFile: DIR/other.crt, keyFile: DIR/other.key",
])("`%s` is fine", (keys) => {
  expect(check(keys)).toEqual([]);
});
