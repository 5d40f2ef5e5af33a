import { expect, test } from "bun:test";
import { grammarCode, loadGrammar } from "./grammar.ts";
import { withLessMemory } from "./less-memory.ts";

/** Bytes of memory that a module begins with. */
async function beginsWith(code: Uint8Array<ArrayBuffer>): Promise<number> {
  const module = await WebAssembly.compile(code);
  const imports = Object.fromEntries(
    WebAssembly.Module.imports(module).map(({ module: from, name }) => [from, name]),
  );
  const [from = ""] = Object.keys(imports);
  const functions = WebAssembly.Module.imports(module).map(({ name }) => [name, () => 0] as const);
  const { exports } = await WebAssembly.instantiate(module, {
    [from]: Object.fromEntries(functions),
  });
  const memory = Object.values(exports).find((each) => each instanceof WebAssembly.Memory);
  return memory?.buffer.byteLength ?? 0;
}

test("the grammar begins with less memory than it asks for", async () => {
  const code = await grammarCode();
  expect(await beginsWith(code)).toBe(128 * 1024 * 1024);
  expect(await beginsWith(withLessMemory(code))).toBe(40 * 1024 * 1024);
});

test("a statement that needs more memory has it", async () => {
  const grammar = await loadGrammar();
  const long = `select ${Array.from({ length: 60_000 }, (_, index) => `a${index}`).join(", ")}`;
  expect(grammar.fingerprint(long)).toMatch(/^[0-9a-f]{16}$/);
  expect(grammar.normalize("select 1")).toBe("select $1");
});

test("what is not as expected stays as it is", () => {
  const other = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0, 1]);
  expect(withLessMemory(other)).toBe(other);
  const nothing = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  expect(withLessMemory(nothing)).toBe(nothing);
});
