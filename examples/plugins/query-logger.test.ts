import { expect, test } from "bun:test";
import { openPlugin, openSession } from "gatewayd/sdk/testing";
import queryLogger from "./query-logger.ts";

test("every statement is logged with who sent it, and without its values", async () => {
  await using plugin = await openPlugin(queryLogger);
  const session = openSession({ user: "ann", database: "shop" });
  await plugin.request("select * from orders where id = 42", session);
  await plugin.request("not sql", session);
  expect(plugin.logged).toMatchObject([
    { fields: { user: "ann", database: "shop", sql: "select * from orders where id = $1" } },
    { fields: { sql: "(not understood)" } },
  ]);
  expect(await plugin.metrics()).toContain('query_logger_statements_total{database="shop"} 2');
});

test("values are logged when they are wanted", async () => {
  await using plugin = await openPlugin(queryLogger, { values: true });
  await plugin.request("select 42");
  expect(plugin.logged).toMatchObject([{ message: "Statement", fields: { sql: "select 42" } }]);
});
