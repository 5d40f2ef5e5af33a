/** Loading a user's TypeScript or JavaScript file into this program, which may be a single executable. */
import { plugin } from "bun";
import { dirname } from "node:path";
import { GatewayError } from "../../errors.ts";
import { pluginApi } from "../../sdk/index.ts";
import { loadSql } from "../../sql/index.ts";
import { importedFiles } from "./imported-files.ts";

/** What plugins import the SDK by; it is in this program, wherever their file is. */
const SDK_NAME = "gatewayd/sdk";

let isSdkProvided = false;

/** The files of its own folder that a module is made of, since the last attempt to load it: they are read anew next time. */
const filesOf = new Map<string, ReadonlySet<string>>();

/**
 * The default export of the file, read anew with all that it imports from its own folder.
 *
 * @param path absolute
 * @param checksum SHA-256 of the file itself, in hexadecimal digits; empty: it may be any
 * @throws GatewayError ERR_PLUGIN_MODULE, ERR_PLUGIN_CHECKSUM
 */
export async function loadModule(path: string, checksum: string): Promise<unknown> {
  provideSdk();
  await loadSql();
  await checkModule(path, checksum);
  const written = await importedFiles(path);
  for (const file of [...written, ...(filesOf.get(path) ?? [])]) delete require.cache[file];
  const known = new Set(Object.keys(require.cache));
  try {
    const module: unknown = await import(path);
    return typeof module === "object" && module !== null && "default" in module
      ? module.default
      : undefined;
  } catch (error) {
    await forgetUnlinked(written, error);
    throw new GatewayError("ERR_PLUGIN_MODULE", `${path} cannot be loaded: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    // Those whose names are worked out while it runs too. Of packages, and of the program itself, nothing is ever read
    // twice.
    const own = `${dirname(path)}/`;
    const isOwn = (file: string): boolean =>
      file.startsWith(own) && !file.includes("/node_modules/") && !known.has(file);
    filesOf.set(path, new Set([...written, ...Object.keys(require.cache).filter(isOwn)]));
  }
}

/**
 * Where an import names what the other file does not export, Bun keeps the files that it has read and not run, and
 * lets go of them only after they have.
 */
async function forgetUnlinked(files: readonly string[], error: unknown): Promise<void> {
  if (!(error instanceof SyntaxError)) return;
  for (const file of files) {
    // What is wrong with it is what `error` says, or the next attempt does.
    if (!(file in require.cache)) await import(file).catch(() => {});
    delete require.cache[file];
  }
}

/**
 * Whether the file is there, and the one that was meant.
 * @throws GatewayError ERR_PLUGIN_MODULE, ERR_PLUGIN_CHECKSUM
 */
export async function checkModule(path: string, checksum: string): Promise<void> {
  const file = Bun.file(path);
  if (!(await file.exists())) {
    throw new GatewayError("ERR_PLUGIN_MODULE", `there is no file ${path}`);
  }
  if (checksum === "") return;
  const actual = new Bun.CryptoHasher("sha256").update(await file.bytes()).digest("hex");
  if (actual === checksum.toLowerCase()) return;
  throw new GatewayError(
    "ERR_PLUGIN_CHECKSUM",
    `the SHA-256 of ${path} is ${actual}, not ${checksum}`,
  );
}

/** The files that the module was made of when it was loaded last, or was to be. */
export function filesOfModule(path: string): readonly string[] {
  return [...(filesOf.get(path) ?? [path])];
}

function provideSdk(): void {
  if (isSdkProvided) return;
  isSdkProvided = true;
  plugin({
    name: SDK_NAME,
    setup(build) {
      build.module(SDK_NAME, () => ({ exports: { ...pluginApi }, loader: "object" }));
    },
  });
}

/** A file with mistakes is refused with one error for each. */
function reasonOf(error: unknown): string {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.map((one) => (one instanceof Error ? one.message : String(one))).join("; ");
}
