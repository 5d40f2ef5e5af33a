/**
 * PostgreSQL's own grammar: libpg-query, compiled to WebAssembly. It takes some 20 MB of memory and 100 ms to load,
 * and does so when it is needed first.
 *
 * The package's own loader looks for its .wasm where it was on the machine that built the executable; this one
 * takes it from inside.
 */
import type { PgQueryModule } from "libpg-query/wasm/libpg-query.js";

export interface Grammar {
  /**
   * @returns the tree of the statements, as libpg-query writes it; undefined when PostgreSQL 18 does not understand
   * @throws when the parser itself has failed: it is of no use any more
   */
  parse(sql: string): unknown;
}

/** A new one each time, for all that are to share it. */
export async function loadGrammar(): Promise<Grammar> {
  const [{ default: open }, { default: file }] = await Promise.all([
    import("libpg-query/wasm/libpg-query.js"),
    import("libpg-query/wasm/libpg-query.wasm", { with: { type: "file" } }),
  ]);
  const library = await open({ locateFile: () => file });
  return { parse: (sql) => parse(library, sql) };
}

/** Where the pointer to the error is in a result. */
const ERROR_OFFSET = 8;

function parse(library: PgQueryModule, sql: string): unknown {
  const size = library.lengthBytesUTF8(sql) + 1;
  const text = library._malloc(size);
  library.stringToUTF8(sql, text, size);
  const result = library._wasm_parse_query_raw(text);
  try {
    const error = library.getValue(result + ERROR_OFFSET, "i32");
    if (error !== 0) return undefined;
    return JSON.parse(library.UTF8ToString(library.getValue(result, "i32")));
  } finally {
    library._free(text);
    library._wasm_free_parse_result(result);
  }
}
