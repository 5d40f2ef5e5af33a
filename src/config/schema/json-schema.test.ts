import { expect, test } from "bun:test";
import * as z from "zod";
import { globalJsonSchema, pluginsJsonSchema } from "./json-schema.ts";

/** Reads a generated JSON Schema step by step, without trusting its shape. */
function at(schema: unknown, ...steps: string[]): unknown {
  return steps.reduce<unknown>(
    (node, step) => z.record(z.string(), z.unknown()).parse(node)[step],
    schema,
  );
}

test("both schemas name their draft and refuse unknown keys", () => {
  for (const schema of [globalJsonSchema(), pluginsJsonSchema()]) {
    expect(schema).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      additionalProperties: false,
    });
  }
});

test("a key has its type, default and text as editors show them", () => {
  const block = ["clients", "additionalProperties", "additionalProperties", "properties"];
  const client = at(globalJsonSchema(), "properties", ...block);
  expect(at(client, "tcpKeepAlive")).toMatchObject({ type: "boolean", default: false });
  expect(at(client, "network")).toMatchObject({ enum: ["tcp", "unix"], default: "tcp" });
  expect(at(client, "dialTimeout")).toMatchObject({
    default: "60s",
    anyOf: [{ type: "string" }, { type: "integer" }],
    description: expect.stringContaining("connect"),
  });
});

test("only what has no default is required", () => {
  const plugin = at(pluginsJsonSchema(), "properties", "plugins", "items");
  expect(at(plugin, "required")).toEqual(["name"]);
  expect(at(globalJsonSchema(), "required")).toBeUndefined();
});
