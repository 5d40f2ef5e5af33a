/** What we read in a line of pg_hba.conf is what PostgreSQL reads in it, as its view of the file tells. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LoginRule, readHbaFile } from "../../src/auth/index.ts";
import { makeCertificate } from "../fixtures/certificates.ts";
import { type PostgresServer, startPostgres } from "../kit/index.ts";

let postgres: PostgresServer;

beforeAll(async () => {
  // Without TLS it finds fault with hostssl lines.
  postgres = await startPostgres({ tls: makeCertificate({ commonName: "db" }) });
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

interface Reading {
  readonly type: string;
  readonly databases: readonly string[];
  readonly users: readonly string[];
  readonly networks: readonly string[];
  readonly method: string;
}

/** What PostgreSQL reads in each line; undefined where it finds an error. */
async function readingsOf(lines: readonly string[]): Promise<readonly (Reading | undefined)[]> {
  const text = lines.map((line) => `${line}\n`).join("");
  await writeFile(join(postgres.socketDirectory, "data", "pg_hba.conf"), text);
  const rows = await postgres.query("select * from pg_hba_file_rules order by line_number");
  return lines.map((_, index) => {
    const row = rows.find(({ line_number }) => line_number === index + 1);
    if (row === undefined || row["error"] !== null) return undefined;
    return {
      type: String(row["type"]),
      databases: row["database"] as string[],
      users: row["user_name"] as string[],
      networks: networksOf(row["address"] as string | null, row["netmask"] as string | null),
      method: String(row["auth_method"]),
    };
  });
}

function networksOf(address: string | null, mask: string | null): readonly string[] {
  if (address === null) return [];
  if (address === "all") return EVERYWHERE;
  // A host name has no mask.
  return mask === null ? [address] : [`${canonical(address)}/${bitsOf(mask)}`];
}

const EVERYWHERE = ["0.0.0.0/0", "[::]/0"];

/** IPv6 may be written in many ways. */
function canonical(address: string): string {
  return address.includes(":") ? new URL(`http://[${address}]`).hostname : address;
}

function bitsOf(mask: string): number {
  const groups = mask.includes(":")
    ? mask.split(":").map((group) => Number.parseInt(group === "" ? "0" : group, 16))
    : mask.split(".").map(Number);
  return groups.reduce((bits, group) => bits + group.toString(2).replaceAll("0", "").length, 0);
}

/** The same of a rule of ours. */
function readingOf({ from, users, databases, tls, method }: LoginRule): Reading {
  const isLocal = from.some(({ kind }) => kind === "local");
  const types = new Map<LoginRule["tls"], string>([
    ["any", "host"],
    [true, "hostssl"],
    [false, "hostnossl"],
  ]);
  return {
    type: isLocal ? "local" : (types.get(tls) ?? ""),
    databases: databases.map((pattern) => {
      if (pattern.kind === "named") return pattern.name;
      return { any: "*", anyDatabase: "all", sameUser: "sameuser", replication: "replication" }[
        pattern.kind
      ];
    }),
    users: users.map((pattern) => (pattern.kind === "any" ? "all" : pattern.name)),
    networks: from.flatMap((origin) =>
      origin.kind === "network"
        ? `${addressOf(origin.network.address)}/${origin.network.prefixBits}`
        : [],
    ),
    method: method === "cleartext" ? "password" : method,
  };
}

function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => Buffer.from(bytes).readUInt16BE(2 * at));
  return canonical(groups.map((group) => group.toString(16)).join(":"));
}

const UNDERSTOOD = [
  "local all all trust",
  "local all all md5",
  "host all all all reject",
  "host all all 127.0.0.1/32 trust",
  "host all all 127.0.0.1 255.255.255.255 trust",
  "host all all 10.0.0.0 255.0.0.0 password",
  "host all all 0.0.0.0/0 trust",
  "host all all 10.1.2.3/8 trust",
  "host all all ::1/128 trust",
  "host all all fd00:: ffff:: trust",
  "host all all FE80::1:2/10 trust",
  "host all all ::/0 trust",
  "hostssl all all 10.0.0.0/8 scram-sha-256",
  "hostnossl all all 10.0.0.0/8 password",
  "hostssl shop shop all cert",
  "host sameuser all all trust",
  "host replication all all trust",
  "host shop,stock all all trust",
  "host shop, stock all all trust",
  "host shop,,stock anna,bert all trust",
  "host shop, ,stock anna all trust",
  'host "db 1","db ""2""" "Anna" all trust',
  'host db"x y"z all all trust',
  'host "all" "all" all trust',
  'host "sameuser","replication" all all trust',
  'host all "+staff","/^x","@file" all trust',
  "host all anna all trust # comment",
  "host all anna all trust#comment",
  'host all "an#na" all trust',
  "\thost\tall\tall\tall\ttrust\t",
  "   host   all   all   all   trust",
  '"host" "all" all all "trust"',
];

const WRONG = [
  "host",
  "host all",
  "host all all",
  "host all all all",
  "hots all all all trust",
  "HOST all all all trust",
  "host all all 10.0.0.0/33 trust",
  "host all all ::1/129 trust",
  "host all all 10.0.0.1 trust",
  'host all "anna all trust',
  "host all all 300.0.0.1/8 trust",
  "host all all all,all trust",
  "host all all all trust,md5",
  "host,local all all all trust",
  "host all all all nothing",
  "host all all all TRUST",
  "host all all all cert",
  "host all all all trust x",
  "local all all 127.0.0.1/32 trust",
];

/** What PostgreSQL can do, or takes although it is odd, and the gateway does not. */
const UNSUPPORTED = [
  "local all all peer",
  "host all all all ident",
  "host all all samehost trust",
  "host all all samenet trust",
  "host all all example.com trust",
  "host all all .example.com trust",
  "host samerole all all trust",
  "host all +staff all trust",
  "host all /^an all trust",
  "host /^s all all trust",
  "hostnogssenc all all all trust",
  "hostssl all all all cert map=people",
  "hostssl all all all trust clientcert=verify-ca",
  'host all all "all" trust',
  "host all all 10.0.0.1 255.255 trust",
  'host all all all "trust',
];

function ours(line: string): Reading | undefined {
  const [rule] = readHbaFile(line, "pg_hba.conf").rules;
  return rule && readingOf(rule);
}

test("lines that are right mean the same", async () => {
  const lines = UNDERSTOOD.filter((line) => ours(line) !== undefined);
  expect(lines).toEqual(UNDERSTOOD);
  expect(lines.map(ours)).toEqual([...(await readingsOf(lines))]);
});

test("lines that PostgreSQL finds wrong are wrong", async () => {
  expect(await readingsOf(WRONG)).toEqual(WRONG.map(() => undefined));
  expect(WRONG.filter((line) => ours(line) !== undefined)).toEqual([]);
});

test("lines that only PostgreSQL can follow are refused, never ignored", async () => {
  const theirs = await readingsOf(UNSUPPORTED);
  expect(UNSUPPORTED.filter((_, index) => theirs[index] === undefined)).toEqual([]);
  for (const line of UNSUPPORTED) {
    expect([line, readHbaFile(line, "").problems.length]).toEqual([line, 1]);
  }
});
