import { join } from "node:path";
import type { BunPlugin } from "bun";
import { root } from "./repository.ts";

/** The file of PostgreSQL's grammar, which lies beside the bundle. */
const GRAMMAR = "libpg-query.wasm";

/** Where the executable takes the bundle from; it is made of the source with each build, and not kept with it. */
export const SDK_BUNDLE = "src/scaffold/made/sdk.js.txt";

/**
 * Makes the SDK and its test kit into one file of JavaScript, `{ sdk, testing }`, for projects that are tested without
 * the gateway's source at hand.
 * @throws Error when it cannot be bundled
 */
export async function makeSdkBundle(): Promise<void> {
  const result = await Bun.build({
    entrypoints: [join(root, "src/sdk/bundle.ts")],
    root,
    target: "bun",
    minify: true,
    plugins: [grammarBeside],
    throw: true,
  });
  const [bundle] = result.outputs;
  if (bundle === undefined) throw new Error("the SDK has no bundle");
  // Packages bring the paths of the machine that bundles them.
  await Bun.write(join(root, SDK_BUNDLE), (await bundle.text()).replaceAll(root, "."));
}

const grammarBeside: BunPlugin = {
  name: "grammar beside",
  setup(build) {
    build.onResolve({ filter: /libpg-query\.wasm$/ }, () => ({
      path: GRAMMAR,
      namespace: "beside",
    }));
    build.onLoad({ filter: /.*/, namespace: "beside" }, () => ({
      contents: `export default Bun.fileURLToPath(new URL("./${GRAMMAR}", import.meta.url));`,
      loader: "js",
    }));
  },
};
