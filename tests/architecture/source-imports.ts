/** One import of a source file, types included. */
export interface SourceImport {
  /** What stands between the quotes. */
  readonly specifier: string;
  /** Names taken, as the other file exports them; empty for `import "x"` and `import("x")`. */
  readonly names: readonly string[];
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** `import ... from "x"` and `export ... from "x"`, with or without `type`, at the start of a line. */
const DECLARATION = /^(?:import|export)\s([^;"']*?)\sfrom\s+["']([^"']+)["']/gm;

/** `import("x").Name` in a type; the transpiler drops it, as it drops `import type`. */
const TYPE_REFERENCE = /\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** All imports of a TypeScript file: those that run, and those that only bring types. */
export function importsOf(source: string): readonly SourceImport[] {
  const imports: SourceImport[] = [];
  for (const [, clause = "", specifier = ""] of source.matchAll(DECLARATION)) {
    imports.push({ specifier, names: namesIn(clause) });
  }
  const seen = new Set(imports.map(({ specifier }) => specifier));
  const others = [
    ...transpiler.scanImports(source).map(({ path }) => path),
    ...Array.from(source.matchAll(TYPE_REFERENCE), (match) => match[1] ?? ""),
  ];
  for (const specifier of others) {
    if (!seen.has(specifier)) imports.push({ specifier, names: [] });
    seen.add(specifier);
  }
  return imports;
}

function namesIn(clause: string): readonly string[] {
  const braces = /\{([^}]*)\}/.exec(clause);
  if (!braces) return [clause.replace(/^type\s/, "").trim()];
  return (braces[1] ?? "")
    .split(",")
    .map((name) =>
      name
        .trim()
        .replace(/^type\s+/, "")
        .replace(/\s+as\s.*$/, ""),
    )
    .filter((name) => name !== "");
}
