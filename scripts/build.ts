/**
 * Makes the executable: `bun run build [--target <platform>] [--force]`.
 *
 * For this machine it is `dist/gatewayd`, for another platform `dist/gatewayd-<platform>`. Nothing is done when
 * neither the sources nor the commit have changed since the last build of that platform.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { makePageBundle, PAGE_BUNDLE } from "./page-bundle.ts";
import { makeSdkBundle, SDK_BUNDLE } from "./sdk-bundle.ts";
import { bun, filesBelow, outputOf, root, run, runScript } from "./repository.ts";

/** Platforms an executable can be made for, and the npm package that holds each one's Bun. */
export const TARGETS = {
  "linux-x64": { package: "@oven/bun-linux-x64", os: "linux", cpu: "x64" },
  "linux-arm64": { package: "@oven/bun-linux-aarch64", os: "linux", cpu: "arm64" },
  "linux-x64-musl": { package: "@oven/bun-linux-x64-musl", os: "linux", cpu: "x64" },
  "linux-arm64-musl": { package: "@oven/bun-linux-aarch64-musl", os: "linux", cpu: "arm64" },
  "darwin-x64": { package: "@oven/bun-darwin-x64", os: "darwin", cpu: "x64" },
  "darwin-arm64": { package: "@oven/bun-darwin-aarch64", os: "darwin", cpu: "arm64" },
  "windows-x64": { package: "@oven/bun-windows-x64", os: "win32", cpu: "x64" },
} as const;

/** A platform in the names that release files use. */
export type Target = keyof typeof TARGETS;

/** What to build. */
export interface BuildOptions {
  /** Another platform. Default: this machine. */
  readonly target?: Target;
  /** Build even when nothing has changed. Default false. */
  readonly force?: boolean;
}

/** Builds the executable unless it is up to date, and returns its path. @throws when the build fails. */
export async function build(options: BuildOptions = {}): Promise<string> {
  const { target, force = false } = options;
  const suffix = target === undefined ? "" : `-${target}`;
  const extension = target?.startsWith("windows") ? ".exe" : "";
  const output = join(root, "dist", `gatewayd${suffix}${extension}`);
  const stampFile = join(root, "dist", `.stamp${suffix}`);
  const commit = outputOf(["git", "rev-parse", "--short", "HEAD"]) ?? "unknown";
  const details = `${commitTime().toISOString().replace(/\.\d+/, "")}/${commit}`;
  const stamp = `${await hashOfInputs()} ${details}\n`;

  const isFresh =
    (await Bun.file(output).exists()) &&
    (await Bun.file(stampFile).exists()) &&
    (await Bun.file(stampFile).text()) === stamp;
  if (isFresh && !force) return output;

  // Renamed into place at the end: a running executable cannot be overwritten, and nobody meets half a file.
  // In a directory of its own, because the file's name goes into the executable.
  const partialDirectory = join(root, "dist", `.partial-${process.pid}`);
  const partial = join(partialDirectory, `gatewayd${extension}`);
  await mkdir(partialDirectory, { recursive: true });
  try {
    await Promise.all([makeSdkBundle(), makePageBundle()]);
    const exitCode = await run([
      bun,
      "build",
      ...ENTRY_FILES,
      `--outfile=${partial}`,
      ...COMPILE_FLAGS,
      ...defines(details),
      ...(target === undefined ? [] : await crossCompileFlags(target)),
    ]);
    if (exitCode !== 0) throw new Error(`bun build ended with exit code ${exitCode}`);
    await rename(partial, output);
    await Bun.write(stampFile, stamp);
  } finally {
    await rm(partialDirectory, { recursive: true, force: true });
  }
  return output;
}

/** The program, and those of the workers that it starts. */
const ENTRY_FILES = ["src/main.ts", "src/plugins/module/plugin-worker.ts"] as const;

/** Made of the others with each build. */
const MADE_FILES: readonly string[] = [SDK_BUNDLE, PAGE_BUNDLE];

const COMPILE_FLAGS = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  // Stack traces in the log name our files and lines in spite of --minify.
  "--sourcemap",
  // An executable must not change with the directory it is started from.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  // No eval. Not the strict level: that also refuses the plugin modules loaded from disk. No plugin process
  // outlives the gateway. And what a module imports is there, or missing: never fetched.
  "--compile-exec-argv=--disallow-code-generation-from-strings --no-orphans --no-install",
] as const;

function defines(details: string): readonly string[] {
  return [
    `--define=GATEWAYD_VERSION=${JSON.stringify(packageJson.version)}`,
    `--define=GATEWAYD_BUILD=${JSON.stringify(details)}`,
    // Packages that ask where they are would have the folder of this build put in; there is no such folder later.
    '--define=__dirname="/"',
    '--define=__filename="/gatewayd"',
  ];
}

/**
 * When the sources were committed, or what SOURCE_DATE_EPOCH says: what is made of them bears that time, so that
 * it can be made again. The epoch's begin where there is neither.
 */
export function commitTime(): Date {
  const given = process.env["SOURCE_DATE_EPOCH"] ?? outputOf(["git", "log", "-1", "--format=%ct"]);
  const seconds = Number(given ?? 0);
  if (!Number.isSafeInteger(seconds)) throw new Error(`SOURCE_DATE_EPOCH is no time: ${given}`);
  return new Date(seconds * 1000);
}

/** Everything that can end up in the executable, and how it is made. */
async function hashOfInputs(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  hash.update(Bun.version);
  const inputs = await Promise.all(["src", "config", "proto"].map((name) => filesBelow(name, "*")));
  const files = inputs
    .flat()
    .filter((file) => !file.endsWith(".test.ts") && !MADE_FILES.includes(file))
    .concat("package.json", "bun.lock", "tsconfig.json", "scripts/build.ts");
  for (const file of files.sort()) {
    hash.update(`\0${file}\0`);
    hash.update(await Bun.file(join(root, file)).bytes());
  }
  return hash.digest("hex");
}

/** Fetches the other platform's Bun from npm, once, and says where it is. */
async function crossCompileFlags(target: Target): Promise<readonly string[]> {
  const { package: name, os, cpu } = TARGETS[target];
  const directory = join(root, ".tools", "targets", target);
  const program = join(directory, "node_modules", name, "bin", os === "win32" ? "bun.exe" : "bun");
  const manifest = join(directory, "node_modules", name, "package.json");
  if (!(await hasVersion(manifest))) {
    await Bun.write(join(directory, "package.json"), '{ "private": true }\n');
    const wanted = `${name}@${Bun.version}`;
    const flags = ["--exact", "--ignore-scripts", `--os=${os}`, `--cpu=${cpu}`];
    const exitCode = await run([bun, "add", ...flags, wanted], { cwd: directory });
    if (exitCode !== 0) {
      throw new Error(`cannot install ${wanted} from npm, the Bun of that platform (see above)`);
    }
  }
  return [`--target=bun-${target}`, `--compile-executable-path=${program}`];
}

async function hasVersion(manifest: string): Promise<boolean> {
  const file = Bun.file(manifest);
  if (!(await file.exists())) return false;
  const content: unknown = await file.json();
  return (
    typeof content === "object" &&
    content !== null &&
    "version" in content &&
    content.version === Bun.version
  );
}

/** @throws unless it is the name of a platform */
export function targetNamed(name: string): Target {
  if (isTarget(name)) return name;
  throw new Error(`unknown target ${name}; one of ${Object.keys(TARGETS).join(", ")}`);
}

function isTarget(name: string): name is Target {
  return Object.hasOwn(TARGETS, name);
}

if (import.meta.main) {
  await runScript(async () => {
    const { values } = parseArgs({
      options: { target: { type: "string" }, force: { type: "boolean", default: false } },
    });
    const { target, force } = values;
    const chosen = target === undefined ? {} : { target: targetNamed(target) };
    const output = await build({ force, ...chosen });
    console.log(`${output} is up to date`);
    return 0;
  });
}
