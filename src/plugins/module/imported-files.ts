import { dirname, extname } from "node:path";

/** How Bun reads a file that may import others, by its ending. */
const LOADERS: Readonly<Record<string, "ts" | "tsx" | "js" | "jsx">> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
};

/**
 * The file and all that it imports from its own folder, also by way of others, packages left out. Found by reading
 * them, so that it is known of one that cannot be loaded too; what cannot be read or found ends the search there.
 *
 * @param path absolute
 */
export async function importedFiles(path: string): Promise<readonly string[]> {
  const own = `${dirname(path)}/`;
  const found = new Set([path]);
  // Those that are found on the way are looked at as well.
  for (const file of found) {
    for (const imported of await importsOf(file)) {
      if (imported.startsWith(own) && !imported.includes("/node_modules/")) found.add(imported);
    }
  }
  return [...found];
}

async function importsOf(file: string): Promise<readonly string[]> {
  const loader = LOADERS[extname(file)];
  if (loader === undefined) return [];
  try {
    const source = await Bun.file(file).text();
    const imports = new Bun.Transpiler({ loader }).scanImports(source);
    return imports.flatMap(({ path }) => resolved(path, file));
  } catch {
    // It is gone, or has mistakes: whoever loads it hears of that.
    return [];
  }
}

function resolved(specifier: string, from: string): readonly string[] {
  try {
    return [Bun.resolveSync(specifier, dirname(from))];
  } catch {
    // The same.
    return [];
  }
}
