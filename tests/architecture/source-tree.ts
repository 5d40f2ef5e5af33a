import { join, posix } from "node:path";
import { ARROWS, INTERFACE_FILES, MAX_LINES } from "./arrows.ts";
import { importsOf } from "./source-imports.ts";

/** Path below the repository (`src/net/index.ts`) to content. */
export type SourceTree = ReadonlyMap<string, string>;

/** Reads the TypeScript files of some folders of the repository. */
export async function readSourceTree(folders: readonly string[]): Promise<SourceTree> {
  const root = join(import.meta.dir, "..", "..");
  const tree = new Map<string, string>();
  for (const folder of folders) {
    const files = new Bun.Glob(`${folder}/**/*.ts`).scan({ cwd: root });
    for await (const file of files) tree.set(file, await Bun.file(join(root, file)).text());
  }
  return tree;
}

/** The rule of {@link ARROWS} that a file falls under: the longest folder name that fits. */
function folderOf(file: string): string | undefined {
  const path = file.replace(/^src\//, "");
  if (!path.includes("/"))
    return Object.hasOwn(ARROWS, path.slice(0, -3)) ? path.slice(0, -3) : undefined;
  return Object.keys(ARROWS)
    .filter((folder) => path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** The files that ship: tests may look anywhere. */
function shipped(tree: SourceTree): readonly [string, string][] {
  return [...tree].filter(([file]) => file.startsWith("src/") && !file.endsWith(".test.ts"));
}

/** Imports from `src/` to `src/`, as paths. */
function innerImports(file: string, source: string) {
  return importsOf(source)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier, names }) => ({
      target: posix.join(posix.dirname(file), specifier),
      names,
    }))
    .filter(({ target }) => target.startsWith("src/"));
}

/** Files in folders that the table does not know. */
export function unknownFolders(tree: SourceTree): readonly string[] {
  return shipped(tree)
    .map(([file]) => file)
    .filter((file) => folderOf(file) === undefined);
}

/** Imports along an arrow that is not in the table. */
export function forbiddenArrows(tree: SourceTree): readonly string[] {
  return shipped(tree).flatMap(([file, source]) => {
    const from = folderOf(file) ?? "";
    const rule = ARROWS[from];
    return innerImports(file, source).flatMap(({ target, names }) => {
      const to = folderOf(target) ?? target;
      if (to === from || to === "errors" || rule?.mayImport.includes(to)) return [];
      const interfaceNames = namesOfInterface(tree, to);
      if (interfaceNames.size === 0) return [`${file} imports ${to}`];
      if (rule?.mayUseImplementations) return [];
      return names
        .filter((name) => !interfaceNames.has(name))
        .map((name) => `${file} imports ${name} of ${to}, which is not part of its interface`);
    });
  });
}

function namesOfInterface(tree: SourceTree, folder: string): ReadonlySet<string> {
  const files = INTERFACE_FILES[folder];
  if (files === undefined) return new Set();
  const door = importsOf(tree.get(`src/${folder}/index.ts`) ?? "");
  return new Set(
    door
      .filter(({ specifier }) => files.some((file) => specifier === `./${file}`))
      .flatMap(({ names }) => names),
  );
}

/** Doors of folders inside a folder; the table of arrows says who may use them. */
const NESTED_DOORS: ReadonlySet<string> = new Set(
  Object.keys(ARROWS)
    .filter((folder) => folder.includes("/"))
    .map((folder) => `src/${folder}/index.ts`),
);

/** Imports that enter a folder by something else than its index.ts. */
export function deepImports(tree: SourceTree): readonly string[] {
  return shipped(tree).flatMap(([file, source]) =>
    innerImports(file, source).flatMap(({ target }) => {
      const below = posix.relative(posix.dirname(file), target).replace(/^(\.\.\/)+/, "");
      const folder = below.includes("/") ? below.split("/")[0] : undefined;
      // Only programs are behind doors: texts that are put into them are not. Generated files have no door of
      // their own: the one of the folder they are in is theirs.
      const isDoor =
        folder === undefined ||
        folder === "gen" ||
        file.includes("/gen/") ||
        below === `${folder}/index.ts` ||
        NESTED_DOORS.has(target) ||
        !target.endsWith(".ts");
      return isDoor ? [] : [`${file} imports ${target} past the door of its folder`];
    }),
  );
}

/** Imports of programs outside `src/`; data files (package.json, shipped YAML) are no programs. */
export function outsideImports(tree: SourceTree): readonly string[] {
  return shipped(tree).flatMap(([file, source]) =>
    importsOf(source)
      .filter(({ specifier }) => specifier.startsWith(".") && /\.[mc]?[jt]s$/.test(specifier))
      .map(({ specifier }) => posix.join(posix.dirname(file), specifier))
      .filter((target) => !target.startsWith("src/"))
      .map((target) => `${file} imports ${target}`),
  );
}

/** Folders of the table without a door, or whose door does not say what the folder is for. */
export function doorsWithoutHeader(tree: SourceTree): readonly string[] {
  const folders = new Set(shipped(tree).map(([file]) => folderOf(file) ?? ""));
  return [...folders].filter((folder) => {
    if (shipped(tree).some(([file]) => file === `src/${folder}.ts`)) return false;
    const door = tree.get(`src/${folder}/index.ts`) ?? "";
    return !/^\/\*\*[\s\S]*?\*\//.test(door);
  });
}

const PLATFORM_IMPORT = /^(?:bun|bun:.*|node:.*)$/;
const PLATFORM_USE = /\b(?:Bun|process)\.\w+|\bDate\.now\b|\bperformance\.now\b|\bMath\.random\b/;

/** What pure folders use of the platform: modules, globals, clock, chance. */
export function impurities(tree: SourceTree): readonly string[] {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  return shipped(tree)
    .filter(([file]) => ARROWS[folderOf(file) ?? ""]?.isPure)
    .flatMap(([file, source]) => {
      const modules = importsOf(source)
        .map(({ specifier }) => specifier)
        .filter((specifier) => PLATFORM_IMPORT.test(specifier));
      // Transpiled first: comments are gone, and so are mere mentions of the platform.
      const use = PLATFORM_USE.exec(transpiler.transformSync(source))?.[0];
      return [...modules, ...(use === undefined ? [] : [use])].map(
        (what) => `${file} uses ${what}`,
      );
    });
}

/** Files with too many lines to be read in one go. */
export function longFiles(tree: SourceTree): readonly string[] {
  return [...tree]
    .map(([file, source]) => ({ file, lines: source.split("\n").length - 1 }))
    .filter(({ file, lines }) => lines > MAX_LINES && !file.includes("/gen/"))
    .map(({ file, lines }) => `${file} has ${lines} lines`);
}
