import { join } from "node:path";
import { root } from "./repository.ts";

/** Where the executable takes the program of the web page from; it is made of the source with each build. */
export const PAGE_BUNDLE = "src/admin/page/made/page.js.txt";

/**
 * Makes the program of the web page into one file for browsers.
 * @throws Error when it cannot be bundled
 */
export async function makePageBundle(): Promise<void> {
  const result = await Bun.build({
    entrypoints: [join(root, "src/admin/page/browser/index.ts")],
    root,
    target: "browser",
    format: "esm",
    minify: true,
    throw: true,
  });
  const [bundle] = result.outputs;
  if (bundle === undefined) throw new Error("the web page has no bundle");
  await Bun.write(join(root, PAGE_BUNDLE), await bundle.text());
}
