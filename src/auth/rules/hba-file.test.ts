import { describe, expect, test } from "bun:test";
import { readHbaFile } from "./hba-file.ts";
import { findRule, type LoginRequest } from "./login-rule.ts";

const REQUEST: LoginRequest = {
  host: "10.1.2.3",
  user: "anna",
  database: "shop",
  isEncrypted: true,
  isReplication: false,
};

/** The method for a client; "nobody" if no line fits. */
function methodFor(text: string, request: Partial<LoginRequest> = {}): string {
  const { rules, problems } = readHbaFile(text, "pg_hba.conf");
  expect(problems).toEqual([]);
  return findRule(rules, { ...REQUEST, ...request })?.method ?? "nobody";
}

describe("pg_hba.conf", () => {
  test("as PostgreSQL explains it in its manual", () => {
    const text = `
# TYPE  DATABASE        USER            ADDRESS                 METHOD
local   all             all                                     trust
host    all             all             127.0.0.1/32            trust
host    all             all             127.0.0.1       255.255.255.255     trust
host    all             all             ::1/128                 trust
host    postgres        all             192.168.93.0/24         md5
host    all             mike            10.0.0.0/8              reject
hostssl all             all             10.0.0.0/8              scram-sha-256
hostnossl all           all             10.0.0.0/8              password
host    replication     all             0.0.0.0/0               reject
local   sameuser        all                                     md5
host    db1,"db 2",db3  bob,"carl"      all                     cert
`.replace("host    db1", "hostssl db1");
    expect(methodFor(text, { host: undefined })).toBe("trust");
    expect(methodFor(text, { host: "127.0.0.1" })).toBe("trust");
    expect(methodFor(text, { host: "::1" })).toBe("trust");
    expect(methodFor(text, { host: "192.168.93.7" })).toBe("nobody");
    expect(methodFor(text, { host: "192.168.93.7", database: "postgres" })).toBe("md5");
    expect(methodFor(text, { user: "mike" })).toBe("reject");
    expect(methodFor(text)).toBe("scram-sha-256");
    expect(methodFor(text, { isEncrypted: false })).toBe("cleartext");
    expect(methodFor(text, { isReplication: true })).toBe("reject");
    expect(methodFor(text, { host: "2.2.2.2", database: "db 2", user: "carl" })).toBe("cert");
    expect(methodFor(text, { host: "2::2", database: "db1", user: "bob" })).toBe("cert");
    expect(methodFor(text, { host: "2.2.2.2", database: "db1" })).toBe("nobody");
  });

  test.each<[string, Partial<LoginRequest>, boolean]>([
    ["host all all all trust", {}, true],
    ["host all all all trust", { host: undefined }, false],
    ["host all all all trust", { host: "fd00::1" }, true],
    ["local all all trust", {}, false],
    ["host sameuser all all trust", {}, false],
    ["host sameuser all all trust", { database: "anna" }, true],
    ['host "sameuser" all all trust', { database: "anna" }, false],
    ['host "sameuser" all all trust', { database: "sameuser" }, true],
    ['host all "all" all trust', {}, false],
    ['host all "all" all trust', { user: "all" }, true],
    ['host "all" all all trust', { database: "all" }, true],
    ['host all "+anna" all trust', { user: "+anna" }, true],
    ['host all "an""na" all trust', { user: 'an"na' }, true],
    ['host all an"na b" all trust', { user: "anna b" }, true],
    ['host all "anna#" all trust # comment', { user: "anna#" }, true],
    ["host all all all trust#comment", {}, true],
    ["host all bert,anna all trust", {}, true],
    ["host all bert, anna all trust", {}, true],
    ["host all bert,,anna all trust", {}, true],
    ["host all bert, ,anna all trust", {}, true],
    ["\thost\tall\tall\tall\ttrust  ", {}, true],
    ["host all \\\n all all \\\ntrust", {}, true],
    ["host replication all all trust", { isReplication: true }, true],
    ["host replication all all trust", { database: "replication" }, false],
    ['host "replication" all all trust', { database: "replication" }, true],
    ["host all all all trust", { isReplication: true }, false],
    ["host all all 10.0.0.0 255.0.0.0 trust", {}, true],
    ["host all all 10.0.0.0 255.255.0.0 trust", {}, false],
    ["host all all ::ffff:10.0.0.0/104 trust", {}, true],
    ["", {}, false],
    ["# nothing\r\n\r\n", {}, false],
  ])("%j for %j fits: %p", (text, request, fits) => {
    expect(methodFor(text, request)).toBe(fits ? "trust" : "nobody");
  });

  test("says which line it was, the first of those that are joined", () => {
    const { rules } = readHbaFile(
      "# one\nhost all all \\\n  all trust\nlocal all all md5",
      "x.conf",
    );
    expect(rules.map(({ place }) => place)).toEqual(["x.conf:2", "x.conf:4"]);
  });

  test.each([
    ["hostgssenc all all all trust", 1, "hostgssenc"],
    ["include other.conf", 1, "include"],
    ["constructor all all all trust", 1, "constructor"],
    ["host all all", 1, "before the address"],
    ["host all", 1, "before a user"],
    ["host all all all", 1, "before the method"],
    ["host all all 10.0.0.0/33 trust", 14, "no network"],
    ["host all all 10.0.0.1 trust", 14, "no mask"],
    ["host all all 10.0.0.1 255.0.255.0 trust", 14, "no mask"],
    ["host all all example.com trust", 14, "only networks and all"],
    ["host all bert, all trust", 20, "only networks and all"],
    ["host all bert ,anna all trust", 16, "only networks and all"],
    ["host all all samenet trust", 14, "only networks and all"],
    ["host all all all,all trust", 14, "cannot be a list"],
    ["host all all all ident", 18, '"ident" is not supported'],
    ["host all all all toString", 18, '"toString" is not supported'],
    ["host all all all ldap ldapserver=x", 18, '"ldap" is not supported'],
    ["hostssl all all all cert map=people", 26, '"map=people" is not supported'],
    ["host all all all cert", 18, "hostssl lines only"],
    ["local all all peer", 15, '"peer" is not supported'],
    ["host all +staff all trust", 10, "members of a role"],
    ["host samerole all all trust", 6, "samerole"],
    ["host @dbs all all trust", 6, "names from a file"],
    ["host all /^an all trust", 10, "regular expression"],
    ['host "all all all trust', 1, "a quote is not closed"],
  ])("%s is a problem at its place", (line, column, message) => {
    const text = `# a comment\n${line}\nhost all all all trust`;
    const { rules, problems } = readHbaFile(text, "pg_hba.conf");
    expect(rules).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ line: 2, column });
    expect(problems[0]?.message).toContain(message);
  });

  test("tells the problems of all lines", () => {
    const { problems } = readHbaFile("local all all peer\n\nhost all all x trust\nfoo", "");
    expect(problems.map(({ line }) => line)).toEqual([1, 3, 4]);
  });
});
