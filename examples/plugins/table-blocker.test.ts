import { expect, test } from "bun:test";
import { errorResponse } from "gatewayd/sdk";
import { answerTo, openPlugin, openSession } from "gatewayd/sdk/testing";
import tableBlocker from "./table-blocker.ts";

const config = { tables: ["salaries"], except: ["payroll"] };

test.each([
  "select * from salaries",
  "select * from hr.salaries s join people p on p.id = s.id",
  "with x as (delete from salaries returning *) select * from x",
  "insert into mine select * from salaries",
])("%s is refused", async (sql) => {
  await using plugin = await openPlugin(tableBlocker, config);
  const outcome = await plugin.request(sql, openSession({ user: "ann" }));
  expect(outcome.kind).toBe("answered");
  if (outcome.kind === "answered") expect(Buffer.from(outcome.bytes).toString()).toContain("42501");
  expect(await plugin.metrics()).toContain("table_blocker_refused_total 1");
});

test("what cannot be understood is refused as well", async () => {
  await using plugin = await openPlugin(tableBlocker, config);
  const error = errorResponse({
    sqlState: "42501",
    message: "permission denied for an unknown table",
  });
  expect(await plugin.request("selct 1")).toEqual({
    kind: "answered",
    bytes: answerTo("selct 1", error),
  });
});

test("a table of one schema is refused by its name alone too, and those of other schemas are not", async () => {
  await using plugin = await openPlugin(tableBlocker, { tables: ["hr.contracts"] });
  const kinds = [];
  for (const table of ["hr.contracts", "contracts", "sales.contracts", "hr"]) {
    kinds.push((await plugin.request(`select * from ${table}`)).kind);
  }
  expect(kinds).toEqual(["answered", "answered", "forwarded", "forwarded"]);
});

test("other tables, and the users it excepts, go on", async () => {
  await using plugin = await openPlugin(tableBlocker, config);
  expect((await plugin.request("select * from orders")).kind).toBe("forwarded");
  const payroll = openSession({ user: "payroll" });
  expect((await plugin.request("select * from salaries", payroll)).kind).toBe("forwarded");
});

test("it does not start without its list", async () => {
  await expect(openPlugin(tableBlocker)).rejects.toThrow("tables must be a list of names");
});
