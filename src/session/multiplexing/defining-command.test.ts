import { expect, test } from "bun:test";
import { isDefining } from "./defining-command.ts";

const tag = (text: string) => isDefining(Buffer.from(`C....${text}\0`), 5);

test.each([
  "CREATE VIEW",
  "ALTER TABLE",
  "DROP FUNCTION",
  "GRANT",
  "REVOKE",
  "SECURITY LABEL",
  "DO",
])("%s may change what statements mean", (text) => expect(tag(text)).toBe(true));

test.each([
  "SELECT 1",
  "INSERT 0 1",
  "SET",
  "SAVEPOINT",
  "COMMIT",
  "DELETE 3",
  "DISCARD ALL",
  "CALL",
  "",
])("%s does not", (text) => expect(tag(text)).toBe(false));
