import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../errors.ts";
import { parseStatements } from "./grammar.ts";

describe("a text is understood", () => {
  test.each([
    ["", []],
    [" ; ;-- nothing\n ", []],
    ["-- ping", []],
    ["show pools", [{ kind: "show", name: "pools" }]],
    ["SHOW Stats_Totals;", [{ kind: "show", name: "stats_totals" }]],
    ['show "POOLS"', [{ kind: "show", name: "POOLS" }]],
    ["/* first */ show/**/lists -- last", [{ kind: "show", name: "lists" }]],
    [
      "show version; show\nstate;",
      [
        { kind: "show", name: "version" },
        { kind: "show", name: "state" },
      ],
    ],
    ["show transaction isolation level", [{ kind: "show", name: "transaction_isolation" }]],
    ["pause", [{ kind: "pause", target: undefined }]],
    ["PAUSE Shop;", [{ kind: "pause", target: "shop" }]],
    ["pause default.writes-2", [{ kind: "pause", target: "default.writes-2" }]],
    ['resume "odd ""name"', [{ kind: "resume", target: 'odd "name' }]],
    ["resume 'shop'", [{ kind: "resume", target: "shop" }]],
    ["reconnect shop--all of it", [{ kind: "reconnect", target: "shop" }]],
    ["wait_close", [{ kind: "waitClose", target: undefined }]],
    ["kill 17", [{ kind: "kill", id: "17" }]],
    ["kill '17'", [{ kind: "kill", id: "17" }]],
    ["kill shop", [{ kind: "killDatabase", target: "shop" }]],
    ["kill", [{ kind: "killDatabase", target: undefined }]],
    ["kill_client 17", [{ kind: "kill", id: "17" }]],
    ["cancel 17", [{ kind: "cancel", id: "17" }]],
    ["reload;", [{ kind: "reload" }]],
    ["reload plugin cache", [{ kind: "plugin", action: "reload", name: "cache" }]],
    [
      "disable plugin gatewayd-plugin-cache",
      [{ kind: "plugin", action: "disable", name: "gatewayd-plugin-cache" }],
    ],
    ["shutdown", [{ kind: "shutdown" }]],
    ["shutdown wait_for_clients", [{ kind: "shutdown" }]],
    ["set log_level = debug", [{ kind: "set", key: "log_level", value: "debug" }]],
    [
      "set session log_level.default to 'Debug'",
      [{ kind: "set", key: "log_level.default", value: "Debug" }],
    ],
    ["SET DateStyle TO ISO, MDY", [{ kind: "set", key: "datestyle", value: "iso, mdy" }]],
    ["set extra_float_digits = 3", [{ kind: "set", key: "extra_float_digits", value: "3" }]],
    ["reset all", [{ kind: "reset", key: undefined }]],
    ["reset application_name", [{ kind: "reset", key: "application_name" }]],
    ["begin isolation level serializable, read only", [{ kind: "begin" }]],
    ["start transaction", [{ kind: "begin" }]],
    ["commit and chain", [{ kind: "commit" }]],
    ["ABORT", [{ kind: "rollback" }]],
    ["discard all", [{ kind: "discardAll" }]],
    ["deallocate all", [{ kind: "deallocate", name: undefined }]],
    ['deallocate prepare "S_1"', [{ kind: "deallocate", name: "S_1" }]],
  ] as const)("%p", (text, expected) => {
    expect(parseStatements(text)).toEqual([...expected]);
  });
});

describe("a text is refused", () => {
  test.each([
    ["show", "syntax error at the end: expected what is to be shown"],
    ["show pools shop", 'syntax error at "shop": expected the end'],
    ["select 1", "the console does not know SELECT"],
    ["constructor", "the console does not know CONSTRUCTOR"],
    ["pause shop, billing", 'syntax error at ",": expected the end'],
    ["kill_client", "syntax error at the end: expected the id of a session"],
    ["set log_level", "syntax error at the end: expected TO"],
    ["set = 1", 'syntax error at "=": expected a setting'],
    ["shutdown now", 'syntax error at "now": expected WAIT_FOR_SERVERS'],
    ["reload shop", 'syntax error at "shop": expected PLUGIN'],
    ["discard plans", 'syntax error at "plans": expected ALL'],
    ["show 'pools", "' is never closed"],
    ['pause "shop', '" is never closed'],
    ["show $1", 'syntax error at "$": expected what is to be shown'],
    ["select 1 <> 2", "the console does not know SELECT"],
    ["*", 'syntax error at "*": expected a command'],
  ])("%p", (text, message) => {
    expect(() => parseStatements(text)).toThrow(new GatewayError("ERR_CONSOLE_SYNTAX", message));
  });

  test("with what takes its place, where that is PgBouncer's", () => {
    for (const text of ["suspend", "enable shop", "disable shop"]) {
      expect(() => parseStatements(text)).toThrow(
        expect.objectContaining({ code: "ERR_ADMIN_UNIMPLEMENTED" }),
      );
    }
  });

  test("as a whole: nothing of it is done", () => {
    expect(() => parseStatements("pause; nonsense")).toThrow("the console does not know NONSENSE");
  });
});
