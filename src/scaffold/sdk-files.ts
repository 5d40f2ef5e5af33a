import { grammarCode } from "../sql/index.ts";
import types from "./gen/sdk.d.ts.txt" with { type: "text" };

/**
 * The SDK as tests and editors need it, by paths in a project; the gateway brings its own.
 * @throws Error where there is no bundle of the SDK: the program was not built, it runs from its source
 */
export async function sdkFiles(): Promise<Readonly<Record<string, string | Uint8Array>>> {
  const { default: bundle } = await import("./made/sdk.js.txt", { with: { type: "text" } });
  return {
    "sdk/sdk.js": bundle,
    "sdk/gatewayd-sdk.d.ts": types,
    // Where the bundle looks for it.
    "sdk/libpg-query.wasm": await grammarCode(),
  };
}
