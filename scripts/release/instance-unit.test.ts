import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { instanceUnit } from "./instance-unit.ts";

const unit = readFileSync(join(import.meta.dir, "../../packaging/linux/gatewayd.service"), "utf8");

test("the unit of an instance is the ordinary one, but for what both would have in common", () => {
  const [ordinary, instance] = [unit.split("\n"), instanceUnit(unit).split("\n")];
  expect(ordinary.filter((line) => !instance.includes(line))).toEqual([
    "Description=Gateway between PostgreSQL clients and servers",
  ]);
  expect(instance.filter((line) => !ordinary.includes(line))).toEqual([
    "# Two of them, in turns: start one, stop the other. Needs `reusePort: true`; see docs/operations.md.",
    "Description=Gateway between PostgreSQL clients and servers (%i)",
    "EnvironmentFile=-/etc/default/gatewayd-%i",
    "RuntimeDirectoryPreserve=yes",
  ]);
});

test("a unit that has become another is noticed", () => {
  expect(() => instanceUnit(unit.replace("RuntimeDirectory=", "Directory="))).toThrow("once");
});
