import { describe, expect, test } from "bun:test";
import { Hidden } from "../hidden.ts";
import { deriveKeys, formatVerifier, verifierOf } from "../scram/index.ts";
import { isExpired, mayUseDatabase, type User } from "./user-table.ts";
import { readUsersFile } from "./users-file.ts";

const SALT = Buffer.from("0123456789abcdef");
const VERIFIER = formatVerifier(verifierOf(await deriveKeys(new Hidden("s"), SALT, 9), SALT, 9));
const HASH = "md5a3556571e93b0d20722ba62be61e8c2d";

/** The users of a file without faults, by name. */
function usersOf(text: string, fileName = "users.yaml"): ReadonlyMap<string, User> {
  const { users, problems } = readUsersFile(text, fileName);
  expect(problems).toEqual([]);
  return new Map(users.map((user) => [user.name, user]));
}

/** `line:column: message` of each problem. */
function problemsOf(text: string, fileName = "users.yaml"): readonly string[] {
  return readUsersFile(text, fileName).problems.map(
    ({ line, column, message }) => `${line}:${column}: ${message}`,
  );
}

function passwordOf(user: User | undefined): string | undefined {
  return user?.secret?.kind === "plain" ? user.secret.password.reveal() : undefined;
}

describe("a users file in YAML", () => {
  test("gives users with their secrets, databases and limits", () => {
    const users = usersOf(`
users:
  - name: anna
    password: secret
    databases: [shop, "stock 2"]
    maxConnections: 20
    validUntil: 2027-01-31T12:00:00+01:00
  - { name: bert, verifier: "${VERIFIER}" }
  - { name: carl, md5: ${HASH} }
  - name: cert only
`);
    expect(users.size).toBe(4);
    const anna = users.get("anna");
    expect(anna).toMatchObject({ databases: ["shop", "stock 2"], maxConnections: 20 });
    expect(anna?.validUntilMs).toBe(Date.UTC(2027, 0, 31, 11));
    expect(passwordOf(anna)).toBe("secret");
    expect(users.get("bert")?.secret?.kind).toBe("scram");
    expect(users.get("carl")?.secret?.kind).toBe("md5");
    expect(users.get("cert only")).toEqual({
      name: "cert only",
      secret: undefined,
      databases: undefined,
      maxConnections: undefined,
      validUntilMs: undefined,
    });
  });

  test("takes values as they are written", () => {
    const users = usersOf(`
users:
  - { name: 007, password: 0123 }
  - { name: "true", password: null }
  - { name: no, password: 1e3 }
  - { name: quoted, password: " # ;\\" " }
  - { name: reference, password: "\${HOME}" }
  - { name: file, password: "file:/etc/passwd" }
`);
    expect([...users].map(([name, user]) => [name, passwordOf(user)])).toEqual([
      ["007", "0123"],
      ["true", "null"],
      ["no", "1e3"],
      ["quoted", ' # ;" '],
      ["reference", "${HOME}"],
      ["file", "file:/etc/passwd"],
    ]);
  });

  test("tells what a password is, as PostgreSQL does", () => {
    const users = usersOf(`
users:
  - { name: a, password: "${VERIFIER}" }
  - { name: b, password: ${HASH} }
`);
    expect([...users.values()].map(({ secret }) => secret?.kind)).toEqual(["scram", "md5"]);
  });

  test.each([
    ["2027-01-31", Date.UTC(2027, 0, 31)],
    ["2027-01-31T12:30Z", Date.UTC(2027, 0, 31, 12, 30)],
    ["2027-01-31 12:30:15", Date.UTC(2027, 0, 31, 12, 30, 15)],
    ["2027-01-31 12:30:15.25+02:00", Date.UTC(2027, 0, 31, 10, 30, 15, 250)],
    ["infinity", undefined],
  ])("reads validUntil %s", (written, expected) => {
    const users = usersOf(`users: [{ name: a, validUntil: "${written}" }]`);
    expect(users.get("a")?.validUntilMs).toBe(expected);
  });

  test("says all that is wrong at once, with places", () => {
    const faulty = `users:
  - name: anna
    pasword: hunter2
    maxConnections: 0
  - password: hunter2
  - name: bert
    verifier: hunter2
    md5: hunter2
    validUntil: soon
    databases: shop
  - name: carl
    password: hunter2
    md5: ${HASH}
  - hunter2
  - name: dora
    password:
  - name: eric
    databases: [[a]]
  - name: fred
  - name: fred
    validUntil: 2027-02-30
  - name: "fred"
`;
    const problems = problemsOf(faulty);
    expect(problems).toEqual([
      '3:5: unknown key "pasword"',
      "4:21: maxConnections must be a whole number from 1 to 1000000",
      "5:5: name must be the name of the user",
      "7:15: verifier must be SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>",
      '8:10: md5 must be "md5" and 32 hexadecimal digits in lower case',
      "9:17: validUntil must be a time such as 2027-01-31T12:00:00Z",
      "10:16: databases must be a list of databases",
      "11:5: the entry can have only one of password, verifier and md5",
      "14:5: the entry must be a map of keys",
      "16:5: password must not be empty",
      "18:17: the entry must be a single value",
      "21:17: validUntil must be a time such as 2027-01-31T12:00:00Z",
      '22:11: the user "fred" is given twice',
    ]);
    expect(problems.join()).not.toContain("hunter2");
    expect(readUsersFile(faulty, "users.yaml").users.map(({ name }) => name)).toEqual(["fred"]);
  });

  test.each([
    ["", "1:1: the file must be a map of keys"],
    ["- name: a", "1:1: the file must be a map of keys"],
    ["people: []", "1:1: users must be a list"],
    ["users: anna", "1:8: users must be a list"],
    ["users: []\nusers: []", "2:1: a key is given twice"],
    ["users: []\n---\nusers: []", "2:1: the file holds more than one document"],
    ["users:\n - &a [*a]", "2:7: the entry must be a map of keys"],
    [
      `a: &a [x]\nb: &b [${"*a,".repeat(100)}]\nc: [${"*b,".repeat(100)}]`,
      "1:1: the aliases of the file make it too large",
    ],
  ])("says what is wrong with %j", (text, expected) => {
    expect(problemsOf(text)).toContain(expected);
  });

  test.each([
    "users: [{ name: a, password: *hunter2 }]",
    "users: [{ name: a, password: hunter2: x }, }",
    "users: [{ name: a, password: !hunter2 x }]",
    "users: [{ name: a, password: @hunter2 }]",
    'users: [{ name: a, password: "hunter2\\q" }]',
    "users: [{ name: a, password: &hunter2 *hunter2 }]",
    "users:\n  - name: a\n    password: hunter2\n   hunter2: 1",
    "%hunter2\n---\nusers: []",
  ])("quotes no password in what it says of %j", (text) => {
    const problems = problemsOf(text);
    expect(problems).not.toEqual([]);
    expect(problems.join()).not.toContain("hunter2");
  });
});

describe("PgBouncer's userlist.txt", () => {
  test("gives users with their secrets", () => {
    const text = `; users of the shop
"anna" "secret"
  "with ""quotes"""\t"a "" b"  what follows is ignored

"bert" "${VERIFIER}"\r
"carl" "${HASH}" ; a comment
"cert" ""
;"dora" "commented out"`;
    const users = usersOf(text, "userlist.txt");
    expect([...users.keys()]).toEqual(["anna", 'with "quotes"', "bert", "carl", "cert"]);
    expect(passwordOf(users.get("anna"))).toBe("secret");
    expect(passwordOf(users.get('with "quotes"'))).toBe('a " b');
    expect(users.get("bert")?.secret?.kind).toBe("scram");
    expect(users.get("carl")?.secret?.kind).toBe("md5");
    expect(users.get("cert")?.secret).toBeUndefined();
  });

  test("says all that is wrong at once, with places", () => {
    const text = `"anna" "hunter2"
anna hunter2
"bert"
"carl" "hunter2
  "" "hunter2"
"dora"  "SCRAM-SHA-256$hunter2"
 "anna" "hunter2"
"eric""hunter2"
# hunter2`;
    const both = 'must be "user" "secret", both in double quotes';
    const problems = problemsOf(text, "userlist.txt");
    expect(problems).toEqual([
      `2:1: ${both}`,
      `3:1: ${both}`,
      `4:1: ${both}`,
      "5:3: the user name is empty",
      "6:9: a malformed SCRAM verifier",
      '7:2: the user "anna" is given twice',
      `8:1: ${both}`,
      `9:1: ${both}`,
    ]);
    expect(problems.join()).not.toContain("hunter2");
  });
});

describe("the format of a users file", () => {
  const userlist = '; comment\n"anna" "secret"';
  const yaml = "# comment\nusers: [{ name: anna, password: secret }]";
  const json = '{ "users": [{ "name": "anna", "password": "secret" }] }';

  test.each([
    [userlist, "userlist.txt"],
    [userlist, "/etc/gatewayd/users"],
    ['"anna" "secret"', ""],
    [yaml, "users.yaml"],
    [yaml, "users.YML"],
    [yaml, "/run/secrets/users"],
    [json, "users.json"],
    [json, "users"],
  ])("of %j named %j is recognised", (text, fileName) => {
    expect(passwordOf(usersOf(text, fileName).get("anna"))).toBe("secret");
  });

  test("is what the extension says", () => {
    expect(problemsOf(yaml, "users.txt")).toHaveLength(2);
    expect(problemsOf(userlist, "users.yaml")).not.toEqual([]);
  });
});

describe("a user", () => {
  const users = usersOf(
    "users: [{ name: a, validUntil: 2027-01-01, databases: [x] }, { name: b }]",
  );
  const limitMs = Date.UTC(2027, 0, 1);

  test("expires at its time, or never", () => {
    const [a, b] = [...users.values()];
    if (a === undefined || b === undefined) throw new Error("no users");
    expect([isExpired(a, limitMs - 1), isExpired(a, limitMs)]).toEqual([false, true]);
    expect(isExpired(b, Number.MAX_SAFE_INTEGER)).toBe(false);
  });

  test("may use its databases, or all", () => {
    const [a, b] = [...users.values()];
    if (a === undefined || b === undefined) throw new Error("no users");
    expect([mayUseDatabase(a, "x"), mayUseDatabase(a, "X")]).toEqual([true, false]);
    expect(mayUseDatabase(b, "anything")).toBe(true);
  });
});
