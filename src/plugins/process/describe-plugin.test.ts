import { expect, test } from "bun:test";
import { describePlugin } from "./describe-plugin.ts";

test("what a plugin leaves out, or says in another type, is empty", () => {
  const answer = {
    id: { name: "odd", version: 3 },
    authors: "somebody",
    hooks: [16, 16, "14", 0, 1000, null],
    config: { text: "yes", number: 1, nested: {} },
    requires: [{ name: "other" }, { version: "1" }, "third", null],
    tags: ["a", 1],
  };
  expect(describePlugin(answer)).toEqual({
    name: "odd",
    version: "",
    remoteUrl: "",
    checksum: "",
    description: "",
    authors: [],
    license: "",
    projectUrl: "",
    config: { text: "yes" },
    requires: [{ name: "other", version: "", remoteUrl: "" }],
    tags: ["a"],
    categories: [],
    hooks: ["OnTrafficFromClient", "OnClosed"],
    unknownHooks: ["0", "1000", "null"],
  });
});

test.each([[{}], [{ id: {} }], [{ id: "name" }], [{ id: ["name"] }]])(
  "%j does not say who it is",
  (answer) => {
    expect(() => describePlugin(answer)).toThrow("without `id.name`");
  },
);
