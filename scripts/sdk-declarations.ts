/** What `gatewayd/sdk` declares, read from its source: for its page in docs/ and for the editors of plugin authors. */
import { dirname, join } from "node:path";
import ts from "typescript";
import { root } from "./repository.ts";

/** One name that the SDK declares. */
export interface Declaration {
  readonly name: string;
  /** Its comment, as plain text. */
  readonly doc: string;
  /** The declaration without its comment, those of its members kept. */
  readonly text: string;
  readonly kind: "function" | "class" | "type";
  /** Whether authors can import it; the others are what these are made of. */
  readonly isExported: boolean;
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: ["bun-types"],
  strict: true,
  noEmit: false,
  declaration: true,
  emitDeclarationOnly: true,
  stripInternal: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
};

/** A declaration file of one source file, and what is found in it under which name. */
interface DeclaredFile {
  readonly source: ts.SourceFile;
  readonly own: ReadonlyMap<string, ts.DeclarationStatement | ts.VariableStatement>;
  /** Names from other files: where they are, and what they are called there. */
  readonly imported: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
  readonly exported: readonly string[];
}

/** What one module of the SDK declares. */
export interface DeclaredModule {
  readonly declarations: readonly Declaration[];
  /** What it has from the modules that were given. */
  readonly imported: readonly string[];
}

/**
 * Everything that a source file of the SDK exports, in its order, then what that is made of.
 * @param others whose declarations it can import
 * @throws when two files declare the same name differently, so that one list cannot hold both
 */
export function sdkDeclarations(
  entry: string,
  others: readonly Declaration[] = [],
): DeclaredModule {
  const known = new Set(others.map(({ name }) => name));
  const imported = new Set<string>();
  const files = declaredFiles(join(root, entry));
  const { exported } = files.get(join(root, entry)) ?? { exported: [] };
  const found = new Map<string, { readonly declaration: Declaration; readonly file: string }>();
  const add = (name: string, file: string, isExported: boolean): void => {
    const place = placeOf(files, file, name);
    if (place === undefined) return;
    if (known.has(place.name)) {
      imported.add(place.name);
      return;
    }
    const present = found.get(place.name);
    if (present !== undefined) {
      if (present.file !== place.file) throw new Error(`two declarations of ${place.name}`);
      return;
    }
    const declaration = declarationOf(place.name, place.node, place.source, isExported);
    found.set(place.name, { declaration, file: place.file });
  };
  for (const name of exported) add(name, join(root, entry), true);
  // A Map may grow while it is walked over: what is added is walked over too.
  for (const [name, { file }] of found) {
    const place = placeOf(files, file, name);
    if (place !== undefined) for (const used of namesIn(place.node)) add(used, file, false);
  }
  return {
    declarations: [...found.values()].map(({ declaration }) => declaration),
    imported: [...imported],
  };
}

function declaredFiles(entry: string): ReadonlyMap<string, DeclaredFile> {
  const files = new Map<string, DeclaredFile>();
  const program = ts.createProgram([entry], OPTIONS);
  program.emit(undefined, (path, text, _, __, sources) => {
    const [original] = sources ?? [];
    if (original === undefined || !path.endsWith(".d.ts")) return;
    files.set(original.fileName, declaredFile(original.fileName, text));
  });
  return files;
}

function declaredFile(file: string, text: string): DeclaredFile {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const own = new Map<string, ts.DeclarationStatement | ts.VariableStatement>();
  const imported = new Map<string, { readonly file: string; readonly name: string }>();
  const exported: string[] = [];
  const note = (
    specifiers: Iterable<ts.ImportSpecifier | ts.ExportSpecifier>,
    from: ts.Expression,
  ) => {
    const target = join(dirname(file), (from as ts.StringLiteral).text); // Modules are named by literals.
    for (const { name, propertyName } of specifiers) {
      imported.set(name.text, { file: target, name: (propertyName ?? name).text });
    }
  };
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const bindings = statement.importClause?.namedBindings;
      if (bindings !== undefined && ts.isNamedImports(bindings)) {
        note(bindings.elements, statement.moduleSpecifier);
      }
    } else if (ts.isExportDeclaration(statement)) {
      const { exportClause, moduleSpecifier } = statement;
      if (exportClause && moduleSpecifier && ts.isNamedExports(exportClause)) {
        note(exportClause.elements, moduleSpecifier);
        exported.push(...exportClause.elements.map(({ name }) => name.text));
      }
    } else if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name)) own.set(name.text, statement);
      }
    } else if (isNamed(statement)) {
      own.set(statement.name.text, statement);
      const isExport = ({ kind }: ts.ModifierLike): boolean => kind === ts.SyntaxKind.ExportKeyword;
      if (statement.modifiers?.some(isExport)) exported.push(statement.name.text);
    }
  }
  return { source, own, imported, exported };
}

function isNamed(statement: ts.Statement): statement is (
  ts.FunctionDeclaration | ts.ClassDeclaration | ts.InterfaceDeclaration | ts.TypeAliasDeclaration
) & {
  readonly name: ts.Identifier;
} {
  return (
    (ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement)) &&
    statement.name !== undefined
  );
}

/** Follows a name through imports to the file that declares it; undefined for what is none of ours. */
function placeOf(files: ReadonlyMap<string, DeclaredFile>, file: string, name: string) {
  let at = { file, name };
  for (;;) {
    const declared = files.get(at.file);
    const node = declared?.own.get(at.name);
    if (declared !== undefined && node !== undefined) {
      return { ...at, node, source: declared.source };
    }
    const next = declared?.imported.get(at.name);
    if (next === undefined) return undefined;
    at = next;
  }
}

/** The names that a declaration refers to. */
function namesIn(node: ts.Node): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (inner: ts.Node): void => {
    if (ts.isTypeReferenceNode(inner) || ts.isExpressionWithTypeArguments(inner)) {
      const name = ts.isTypeReferenceNode(inner) ? inner.typeName : inner.expression;
      if (ts.isIdentifier(name)) names.add(name.text);
    }
    if (ts.isTypeQueryNode(inner) && ts.isIdentifier(inner.exprName))
      names.add(inner.exprName.text);
    ts.forEachChild(inner, visit);
  };
  visit(node);
  return names;
}

function declarationOf(
  name: string,
  node: ts.DeclarationStatement | ts.VariableStatement,
  source: ts.SourceFile,
  isExported: boolean,
): Declaration {
  const text = node
    .getText(source)
    .replace(/^export /, "")
    .replace(/^declare /, "")
    .replaceAll(/^ +(?:#private|private [^;]*|protected [^;]*);\n/gm, "");
  const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const doc = docs.map((comment) => plainText(comment.getText(source))).join("\n");
  const kind = ts.isFunctionDeclaration(node)
    ? "function"
    : ts.isClassDeclaration(node)
      ? "class"
      : "type";
  return { name, doc, text, kind, isExported };
}

/** A comment without its stars. */
function plainText(comment: string): string {
  return comment
    .replace(/^\/\*\*/, "")
    .replace(/\*\/$/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim();
}
