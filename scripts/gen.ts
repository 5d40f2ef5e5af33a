/**
 * Writes every generated file: `bun run gen`. With `--check` nothing is written, and the exit code is 1 if
 * anything would change. All of them go through the formatter, so that it and this script agree.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generatedConfigFiles } from "../src/config/index.ts";
import { errorsPage } from "./errors-page.ts";
import { metricsPage } from "./metrics-page.ts";
import { openApi } from "./openapi.ts";
import { bun, filesBelow, installedProgram, root, runScript } from "./repository.ts";
import { sdkDeclarations } from "./sdk-declarations.ts";
import { sdkPage } from "./sdk-page.ts";
import { sdkTypes } from "./sdk-types.ts";

interface GeneratedFile {
  /** From the top of the repository. */
  readonly path: string;
  readonly content: string;
  /** What the formatter is told the file is called. Default: its name. */
  readonly formattedAs?: string;
}

/** Folders that hold nothing else: what is not generated any more is removed from them. */
const GENERATED_FOLDERS = [
  "src/rpc/gen",
  "src/admin/gen",
  "tests/fixtures/otlp/gen",
  "docs/cli",
  "src/scaffold/gen",
];

/** The parts of proto/ that are said to plugins, and those that are said to administrators. */
const PROTOCOLS = [
  { folder: "src/rpc/gen", files: ["proto/grpc/health", "proto/plugin"] },
  {
    folder: "src/admin/gen",
    files: ["proto/api", "proto/gatewayd", "proto/google", "proto/grpc/reflection"],
  },
] as const;

/** Where buf.gen.yaml puts its files. */
const BUF_FOLDER = "src/rpc/gen";

/** Lets a program write into an empty folder, and returns what it wrote there. */
async function filesWrittenBy(
  command: (directory: string) => readonly string[],
  pathOf: (file: string) => string,
): Promise<readonly GeneratedFile[]> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-gen-"));
  try {
    const result = Bun.spawnSync([...command(directory)], {
      cwd: root,
      // buf looks for its plugin on PATH.
      env: { ...process.env, PATH: `${root}/node_modules/.bin:${process.env["PATH"] ?? ""}` },
    });
    if (!result.success)
      throw new Error(`${command("...").join(" ")}\n${result.stderr.toString()}`);
    const files = await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: directory }));
    return await Promise.all(
      files.map(async (file) => ({
        path: pathOf(file),
        content: await Bun.file(join(directory, file)).text(),
      })),
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Messages as TypeScript: those of a folder with .proto files, or of some of them, as a template of buf says. */
function protocolStubs(
  folder: string,
  template: string,
  paths: readonly string[] = [],
  pathOf: (file: string) => string = (file) => file,
): Promise<readonly GeneratedFile[]> {
  const buf = [bun, "--bun", installedProgram("buf")];
  const only = paths.flatMap((path) => ["--path", path]);
  return filesWrittenBy(
    (directory) => [
      ...[...buf, "generate", folder, "--template", template],
      ...[...only, "--output", directory],
    ],
    pathOf,
  );
}

/** One page for each command of the command line. */
function commandPages(): Promise<readonly GeneratedFile[]> {
  return filesWrittenBy(
    (directory) => [bun, "src/main.ts", "gen-docs", "--output-dir", directory],
    (file) => `docs/${file}`,
  );
}

function formatted({ path, content, formattedAs = path }: GeneratedFile): GeneratedFile {
  const result = Bun.spawnSync([bun, "fmt", `--stdin-filepath=${formattedAs}`], {
    cwd: root,
    stdin: Buffer.from(content),
  });
  if (!result.success) throw new Error(`cannot format ${path}: ${result.stderr.toString()}`);
  return { path, content: result.stdout.toString() };
}

/** The page about the SDK, and its types for projects of plugins. */
function sdkFiles(): readonly GeneratedFile[] {
  const api = sdkDeclarations("src/sdk/plugin-api.ts");
  const testing = sdkDeclarations("src/sdk/testing.ts", api.declarations);
  return [
    { path: "docs/sdk.md", content: sdkPage(api.declarations, testing.declarations) },
    {
      path: "src/scaffold/gen/sdk.d.ts.txt",
      content: sdkTypes(api, testing),
      formattedAs: "sdk.d.ts",
    },
  ];
}

async function generatedFiles(): Promise<readonly GeneratedFile[]> {
  const files = [
    ...generatedConfigFiles(),
    { path: "docs/errors.md", content: errorsPage() },
    { path: "docs/metrics.md", content: metricsPage() },
    ...sdkFiles(),
    ...(await commandPages()),
    ...(
      await Promise.all(
        PROTOCOLS.map(({ folder: target, files }) =>
          protocolStubs("proto", "buf.gen.yaml", files, (file) => file.replace(BUF_FOLDER, target)),
        ),
      )
    ).flat(),
    ...(await protocolStubs("tests/proto", "buf.gen.tests.yaml")),
    {
      path: "src/admin/gen/openapi.json.txt",
      content: JSON.stringify(await openApi()),
      formattedAs: "openapi.json",
    },
  ];
  return files.map(formatted);
}

/** Files in generated folders that nothing generates any more. */
async function leftovers(files: readonly GeneratedFile[]): Promise<readonly string[]> {
  const known = new Set(files.map(({ path }) => path));
  const present = await Promise.all(GENERATED_FOLDERS.map((folder) => filesBelow(folder, "*")));
  return present.flat().filter((path) => !known.has(path));
}

await runScript(async () => {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
  const files = await generatedFiles();
  const changes: string[] = [];
  for (const { path, content } of files) {
    const file = Bun.file(join(root, path));
    if ((await file.exists()) && (await file.text()) === content) continue;
    changes.push(path);
    if (!values.check) await Bun.write(file, content);
  }
  for (const path of await leftovers(files)) {
    changes.push(`${path} (not generated any more)`);
    if (!values.check) await rm(join(root, path));
  }
  if (changes.length === 0) {
    console.log(`${files.length} generated files are up to date`);
    return 0;
  }
  console.log(`${values.check ? "would change" : "written"}:\n  ${changes.join("\n  ")}`);
  if (values.check) console.log("`bun run gen` writes them");
  return values.check ? 1 : 0;
});
