import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../errors.ts";
import { userOfRows } from "./user-row.ts";

const HASH = `md5${"0".repeat(32)}`;

function timeOf(validUntil: string | null): number | undefined {
  return userOfRows("anna", [["anna", "secret", validUntil]])?.validUntilMs;
}

describe("the answer to a query about a user", () => {
  test("is name, secret and, if wanted, an end", () => {
    expect(userOfRows("anna", [["anna", HASH]])).toEqual({
      name: "anna",
      secret: { kind: "md5", hash: expect.anything() },
      databases: undefined,
      maxConnections: undefined,
      validUntilMs: undefined,
    });
    expect(userOfRows("anna", [["anna", null, null]])?.secret).toBeUndefined();
    expect(userOfRows("anna", [["anna", "", null]])?.secret).toBeUndefined();
  });

  test("tells of nobody by no row, or by one without a name", () => {
    expect(userOfRows("anna", [])).toBeUndefined();
    expect(userOfRows("anna", [[null, null]])).toBeUndefined();
  });

  test.each([
    ["2027-01-02 03:04:05+00", Date.UTC(2027, 0, 2, 3, 4, 5)],
    ["2027-01-02 03:04:05.678901+00", Date.UTC(2027, 0, 2, 3, 4, 5, 678)],
    ["2027-01-02 03:04:05+05:30", Date.UTC(2027, 0, 1, 21, 34, 5)],
    ["2027-01-02 03:04:05-03", Date.UTC(2027, 0, 2, 6, 4, 5)],
    ["2027-01-02 03:04:05", Date.UTC(2027, 0, 2, 3, 4, 5)],
    ["2027-01-02", Date.UTC(2027, 0, 2)],
    ["12027-01-02 00:00:00+00", Date.UTC(12_027, 0, 2)],
    ["294276-12-31 00:00:00+00", undefined],
    ["0044-03-15 00:00:00+00 BC", -Infinity],
    ["infinity", undefined],
    ["-infinity", -Infinity],
    [null, undefined],
  ])("ends %p as the server means it", (written, expected) => {
    expect(timeOf(written)).toBe(expected);
  });

  test.each([
    ["one column", [["hunter2"]], "has 1 columns"],
    ["four columns", [["anna", "hunter2", null, null]], "has 4 columns"],
    [
      "two rows",
      [
        ["anna", "hunter2"],
        ["anna", "hunter2"],
      ],
      "has 2 rows",
    ],
    ["another user", [["Anna", "hunter2"]], 'is about another user than "anna"'],
    ["a verifier that is none", [["anna", "SCRAM-SHA-256$hunter2"]], "malformed SCRAM verifier"],
    ["a time that is none", [["anna", "hunter2", "hunter2"]], "third column that is no time"],
  ])("with %s is an error that names no secret", (_, rows, expected) => {
    let thrown: unknown;
    try {
      userOfRows("anna", rows);
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof GatewayError)) throw new Error("it was taken");
    expect(thrown.code).toBe("ERR_AUTH_LOOKUP");
    expect(thrown.message).toContain(expected);
    expect(thrown.message).not.toContain("hunter2");
  });
});
