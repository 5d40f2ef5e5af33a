import { expect, test } from "bun:test";
import { description } from "../../tests/fixtures/fake-plugin.ts";
import { unmetRequirement } from "./unmet-requirement.ts";

const others = [
  description("cache", { version: "1.4.0" }),
  description("bare", { version: "", remoteUrl: "" }),
];

test.each([
  [{ name: "cache", version: "1.4.0" }],
  [{ name: "cache", version: "", remoteUrl: "github.com/example/cache" }],
  [{ name: "bare", version: "" }],
])("%p is met", (requirement) => {
  expect(unmetRequirement(description("p", { requires: [requirement] }), others)).toBeUndefined();
});

test.each([
  [{ name: "auth", version: "^1" }, "it requires auth ^1: no such plugin is running"],
  [
    { name: "cache", version: "1.5.0" },
    "it requires cache 1.5.0: the one that runs has version 1.4.0",
  ],
  [
    { name: "bare", version: "1.0.0" },
    "it requires bare 1.0.0: the one that runs has version unknown",
  ],
  [
    { name: "cache", version: "", remoteUrl: "github.com/other/cache" },
    "it requires cache from github.com/other/cache: the one that runs is from github.com/example/cache",
  ],
  [
    { name: "bare", version: "", remoteUrl: "github.com/other/bare" },
    "it requires bare from github.com/other/bare: the one that runs does not say where it is from",
  ],
])("%p is not met, and the reason is told", (requirement, reason) => {
  const requires = [{ name: "cache", version: "" }, requirement];
  expect(unmetRequirement(description("p", { requires }), others)).toBe(reason);
});
