/** The parts of Emscripten's module that are used here. */
declare module "libpg-query/wasm/libpg-query.js" {
  interface PgQueryModule {
    lengthBytesUTF8(text: string): number;
    stringToUTF8(text: string, pointer: number, maxBytes: number): void;
    UTF8ToString(pointer: number): string;
    getValue(pointer: number, type: "i32"): number;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    /** Gives `{ char *tree; char *stderr; PgQueryError *error }`. */
    _wasm_parse_query_raw(text: number): number;
    _wasm_free_parse_result(result: number): void;
    /** Gives 16 hexadecimal digits, or the message of an error. */
    _wasm_fingerprint(text: number): number;
    /** Gives the text, or the message of an error: it does not say which. */
    _wasm_normalize_query(text: number): number;
    /** Gives `{"version":..., "tokens":[...]}`, or the message of an error. */
    _wasm_scan(text: number): number;
    _wasm_free_string(text: number): void;
  }
  export default function open(options: {
    instantiateWasm(
      imports: WebAssembly.Imports,
      receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => unknown,
    ): unknown;
  }): Promise<PgQueryModule>;
}

declare module "*.wasm" {
  /** Where the file is at run time, also inside the executable. */
  const path: string;
  export default path;
}
