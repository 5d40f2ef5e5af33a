/** Loading a user's TypeScript or JavaScript file into this program, which may be a single executable. */
import { plugin } from "bun";
import { dirname } from "node:path";
import { GatewayError } from "../../errors.ts";
import { pluginApi } from "../../sdk/index.ts";
import { loadSql } from "../../sql/index.ts";

/** What plugins import the SDK by; it is in this program, wherever their file is. */
const SDK_NAME = "gatewayd/sdk";

let isSdkProvided = false;

/** The files of its own folder that loading a module brought in: they are read anew the next time. */
const filesOf = new Map<string, readonly string[]>();

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
  await checkFile(path, checksum);
  for (const file of filesOf.get(path) ?? [path]) delete require.cache[file];
  const known = new Set(Object.keys(require.cache));
  try {
    const module: unknown = await import(path);
    return typeof module === "object" && module !== null && "default" in module
      ? module.default
      : undefined;
  } catch (error) {
    throw new GatewayError("ERR_PLUGIN_MODULE", `${path} cannot be loaded: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    // Of packages, and of the program itself, nothing is ever read twice.
    const own = `${dirname(path)}/`;
    const isOwn = (file: string): boolean =>
      file.startsWith(own) && !file.includes("/node_modules/") && !known.has(file);
    filesOf.set(path, Object.keys(require.cache).filter(isOwn));
  }
}

async function checkFile(path: string, checksum: string): Promise<void> {
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

/** The files that the module was made of when it was loaded last. */
export function filesOfModule(path: string): readonly string[] {
  return filesOf.get(path) ?? [];
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
