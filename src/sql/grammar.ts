/**
 * PostgreSQL's own grammar: libpg-query, compiled to WebAssembly. It takes some 20 MB of memory and 100 ms to load
 * for the first time, and does so when it is needed first.
 *
 * The package's own loader looks for its .wasm where it was on the machine that built the executable; this one
 * takes it from inside.
 */
import type { PgQueryModule } from "libpg-query/wasm/libpg-query.js";
import { withLessMemory } from "./less-memory.ts";
import { withoutValues } from "./without-values.ts";

/** Its methods throw when the grammar itself has failed, at whatever text: it is of no use any more. */
export interface Parser {
  /** @returns the tree of the statements, as libpg-query writes it; undefined when PostgreSQL 18 does not understand */
  parse(sql: string): unknown;
}

/** All that is done by the grammar; its methods throw as those of {@link Parser} do. */
export interface Grammar extends Parser {
  /** @returns 16 hexadecimal digits that statements have in common which differ in constants only; undefined as above */
  fingerprint(sql: string): string | undefined;
  /** @returns the text without strings and comments, `$1`, `$2`, ... in the place of constants; undefined as above */
  normalize(sql: string): string | undefined;
}

/** A new one each time, for all that are to share it. */
export async function loadGrammar(): Promise<Grammar> {
  const [{ default: open }, code] = await Promise.all([
    import("libpg-query/wasm/libpg-query.js"),
    (compiled ??= compile().catch(forgetCompiled)),
  ]);
  const library = await open({
    instantiateWasm: (imports, receive) => receive(new WebAssembly.Instance(code, imports), code),
  });
  return {
    parse: (sql) => withText(library, sql, (text) => parse(library, text)),
    fingerprint: (sql) => withText(library, sql || BLANK, (text) => fingerprint(library, text)),
    normalize: (sql) =>
      sql === "" ? "" : withText(library, sql, (text) => normalize(library, text)),
  };
}

/** Compiled once: a new grammar in the place of one that has failed is there in a moment. */
let compiled: Promise<WebAssembly.Module> | undefined;

function forgetCompiled(error: unknown): never {
  compiled = undefined;
  throw error;
}

async function compile(): Promise<WebAssembly.Module> {
  return await WebAssembly.compile(withLessMemory(await grammarCode()));
}

/** The grammar as WebAssembly, out of the executable. */
export async function grammarCode(): Promise<Uint8Array<ArrayBuffer>> {
  const { default: file } = await import("libpg-query/wasm/libpg-query.wasm", {
    with: { type: "file" },
  });
  return new Uint8Array(await Bun.file(file).arrayBuffer());
}

/** Hands the text over as C has it. */
function withText<T>(library: PgQueryModule, sql: string, use: (text: number) => T): T | undefined {
  // C would see what is in front of it only.
  if (sql.includes("\0")) return undefined;
  const size = library.lengthBytesUTF8(sql) + 1;
  const text = library._malloc(size);
  library.stringToUTF8(sql, text, size);
  // Not freed when `use` throws: then nothing in there is to be relied on.
  const result = use(text);
  library._free(text);
  return result;
}

/** For libpg-query no text at all would be an error here. */
const BLANK = " ";

/** Where the pointer to the error is in a result. */
const ERROR_OFFSET = 8;

function parse(library: PgQueryModule, text: number): unknown {
  const result = library._wasm_parse_query_raw(text);
  const hasError = library.getValue(result + ERROR_OFFSET, "i32") !== 0;
  const tree = hasError ? undefined : library.UTF8ToString(library.getValue(result, "i32"));
  library._wasm_free_parse_result(result);
  return tree === undefined ? undefined : JSON.parse(tree);
}

function fingerprint(library: PgQueryModule, text: number): string | undefined {
  const result = take(library, library._wasm_fingerprint(text));
  return /^[0-9a-f]{16}$/.test(result) ? result : undefined;
}

/** What begins a string or a comment; and some other things. */
const MAY_HOLD_VALUES = /'|--|\/\*|\$(?!\d)/;

/** libpg-query replaces constants in the statements that pg_stat_statements looks into, and few in others. */
function normalize(library: PgQueryModule, text: number): string | undefined {
  if (fingerprint(library, text) === undefined) return undefined;
  const normal = take(library, library._wasm_normalize_query(text));
  if (!MAY_HOLD_VALUES.test(normal)) return normal;
  return withText(library, normal, (again) =>
    withoutValues(normal, take(library, library._wasm_scan(again))),
  );
}

function take(library: PgQueryModule, pointer: number): string {
  const text = library.UTF8ToString(pointer);
  library._wasm_free_string(pointer);
  return text;
}
