import { grammarCode } from "../sql/index.ts";
import bundle from "./gen/sdk.js.txt" with { type: "text" };
import types from "./gen/sdk.d.ts.txt" with { type: "text" };

/** The SDK as tests and editors need it, by paths in a project; the gateway brings its own. */
export async function sdkFiles(): Promise<Readonly<Record<string, string | Uint8Array>>> {
  return {
    "sdk/sdk.js": bundle,
    "sdk/gatewayd-sdk.d.ts": types,
    // Where the bundle looks for it.
    "sdk/libpg-query.wasm": await grammarCode(),
  };
}
