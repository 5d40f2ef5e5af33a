import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  Authenticator,
  findRule,
  Hidden,
  type LoginRule,
  LoginThrottle,
  readHbaFile,
  readRules,
  readUsersFile,
  ScramSecrets,
  UserTable,
} from "./index.ts";

const USERS = `users: [{ name: anna, password: secret }, { name: bert, password: other }]`;
const FROM_CONFIGURATION = readRules([
  { from: "10.0.0.0/8", user: "bert", method: "reject" },
  { from: "10.0.0.0/8", tls: true, method: "cleartext" },
]).rules;
const FROM_FILE = readHbaFile(
  "host all bert 10.0.0.0/8 reject\nhostssl all all 10.0.0.0/8 password",
  "pg_hba.conf",
).rules;

/** What becomes of one attempt to log in, and how late its answer goes out. */
async function attempt(
  rules: readonly LoginRule[],
  throttle: LoginThrottle,
  userName: string,
  password: string,
): Promise<string> {
  const table = new UserTable(readUsersFile(USERS, "users.yaml").users);
  const [host, database] = ["10.1.2.3", "shop"];
  const connection = { host, database, user: userName, isEncrypted: true, isReplication: false };
  const rule = findRule(rules, connection);
  if (rule === undefined || rule.method === "reject") return "rejected";
  const login = new Authenticator({
    method: rule.method,
    userName,
    database,
    lookup: table.lookup(userName),
    secrets: new ScramSecrets(randomBytes(32)),
    isEncrypted: true,
    certificateNames: undefined,
    channelBinding: undefined,
    nowMs: 0,
    randomBytes,
  });
  const delayMs = throttle.delayMs(host, userName, 0);
  expect(login.start().kind).toBe("request");
  const { kind } = await login.answer({ kind: "password", password: new Hidden(password) });
  if (kind === "failed") return `${kind} after ${throttle.failed(host, userName, 0)} ms`;
  throttle.succeeded(host, userName);
  return `${kind} after ${delayMs} ms`;
}

test.each([
  ["of the configuration", FROM_CONFIGURATION],
  ["of pg_hba.conf", FROM_FILE],
])("a user logs in by the rules %s, and who guesses is slowed down", async (_name, rules) => {
  const throttle = new LoginThrottle({ freeFailures: 1, firstDelayMs: 100 });
  const results: string[] = [];
  for (const [user, password] of [
    ["anna", "secret"],
    ["bert", "other"],
    ["anna", "guess"],
    ["anna", "guess again"],
    ["anna", "secret"],
    ["anna", "guess"],
    ["carl", "guess"],
    ["carl", "guess again"],
  ] as const) {
    results.push(await attempt(rules, throttle, user, password));
  }
  expect(results).toEqual([
    "accepted after 0 ms",
    "rejected",
    "failed after 20 ms",
    "failed after 100 ms",
    "accepted after 200 ms",
    "failed after 20 ms",
    "failed after 20 ms",
    "failed after 100 ms",
  ]);
});
