import { expect, test } from "bun:test";
import { SharedStatement } from "./shared-statement.ts";

const bodyOf = (text: string): string => Buffer.from(`${text}\0\0\0`).toString("latin1");

test("its text is there byte by byte, and in its own characters", () => {
  const statement = new SharedStatement(bodyOf("select 'é'"), undefined);
  expect(statement.text).toBe("select 'Ã©'");
  expect(statement.sql).toBe("select 'é'");
  const plain = new SharedStatement(bodyOf("select 1"), undefined);
  expect([plain.text, plain.sql]).toEqual(["select 1", "select 1"]);
});
