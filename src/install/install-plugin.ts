import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { defaultPluginsYaml, formatIssue, readPlugins } from "../config/index.ts";
import type { ArchiveFile } from "./archive-file.ts";
import { archiveFiles } from "./archive-files.ts";
import { checksumOf } from "./checksums.ts";
import { InstallError } from "./install-error.ts";
import { checkBinary, isModule, pluginBinary } from "./plugin-binary.ts";
import { type PluginEntry, pluginEntry } from "./plugin-entry.ts";
import type { PluginSource } from "./plugin-source.ts";
import { entryText, hasPlugin, withPlugin } from "./plugins-file.ts";
import { type PluginArchive, pullRelease } from "./pull-release.ts";
import { replaceFile } from "./replace-file.ts";
import type { OnProgress } from "./request.ts";
import { Staging } from "./staging.ts";

/** What a plugin brings its suggested entry in. */
const OWN_CONFIG = "gatewayd_plugin.yaml";

export interface InstallOptions {
  /** The plugins configuration; made when there is none. */
  readonly configPath: string;
  readonly outputDir: string;
  /** What the plugin's file is called in the archive. Default: the repository's name; an archive needs it. */
  readonly name?: string | undefined;
  /** The entry of the plugin in the configuration, where it has one: it must be called so. */
  readonly entryName?: string | undefined;
  /** The archive, verified, and nothing else. */
  readonly isPullOnly: boolean;
  /** Leaves the plugin alone in the output directory, without what else came with it. */
  readonly isClean: boolean;
  /** Whether a plugin may be replaced that the configuration has already. */
  readonly mayReplace: () => Promise<boolean>;
  /** Keeps the configuration as it was, in a file `<configPath>.bak`. */
  readonly hasBackup: boolean;
  /** Otherwise the entry is printed. */
  readonly isConfigWritten: boolean;
  /** `linux/amd64` */
  readonly platform: string;
  /** Of GitHub's interface. */
  readonly baseUrl: string;
  /** For the values that the configuration takes from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gives up, as long as nothing is in place yet. */
  readonly signal: AbortSignal;
  /** Tells a line of how it goes. */
  readonly say: (line: string) => Promise<void>;
  readonly onProgress?: OnProgress;
}

/**
 * Installs one plugin: its file in the output directory, its entry in the configuration. Both, or nothing.
 * @throws InstallError when it cannot be; the signal's reason when it is aborted
 */
export async function installPlugin(source: PluginSource, options: InstallOptions): Promise<void> {
  const { outputDir, isPullOnly, signal, say } = options;
  const name = options.name ?? (source.kind === "release" ? source.repository : undefined);
  if (name === undefined) throw new InstallError("a local archive needs the plugin's name: --name");
  if (isPullOnly && source.kind === "archive") {
    throw new InstallError("--pull-only is for releases: the archive is here already");
  }
  if (!isPullOnly) await refuseListed(name, options);

  using staging = new Staging(outputDir);
  const archive =
    source.kind === "release"
      ? await pullRelease(source, staging, options)
      : localArchive(source.path);
  signal.throwIfAborted();
  if (isPullOnly) {
    const [saved = "", ...others] = archive.fetched;
    for (const each of others) staging.discard(each);
    staging.commit(() => {});
    await say(`Archive saved as ${join(outputDir, saved)}`);
    return;
  }

  const files = await archiveFiles(archive.content);
  const binary = pluginBinary(files, name);
  checkBinary(files, binary);
  const suggested = await suggestedEntry(files, archive);
  const entryName = nameOf(suggested, name, options);
  await refuseListed(entryName, options);
  signal.throwIfAborted();

  stage(staging, files, binary, archive, options);
  const installed = {
    localPath: join(outputDir, binary.path),
    checksum: checksumOf(binary.content),
  };
  const { text, isThere } = configText(options);
  const newText = withPlugin(text, entryName, installed, suggested);
  checkConfig(newText, options);
  staging.commit(() => {
    if (!options.isConfigWritten) return;
    if (options.hasBackup && isThere) copyFileSync(options.configPath, `${options.configPath}.bak`);
    replaceFile(options.configPath, newText);
  });
  await say(`Plugin ${entryName} is ${installed.localPath}`);
  if (!options.isConfigWritten) {
    await say(
      `Enter it into ${options.configPath}:\n${entryText(entryName, installed, suggested)}`,
    );
  }
  await say("Plugin installed successfully");
}

function localArchive(path: string): PluginArchive {
  return { content: readFileSync(path), fetched: [], readFile: async () => undefined };
}

function configText({ configPath }: InstallOptions): { text: string; isThere: boolean } {
  const isThere = existsSync(configPath);
  return { text: isThere ? readFileSync(configPath, "utf8") : defaultPluginsYaml(), isThere };
}

async function refuseListed(name: string, options: InstallOptions): Promise<void> {
  if (!hasPlugin(configText(options).text, name) || (await options.mayReplace())) return;
  throw new InstallError(
    `Plugin is already installed: ${options.configPath} has ${name}. Use the --update flag to update it`,
  );
}

/** What the plugin's authors would have in its entry, without what the installation decides. */
async function suggestedEntry(
  files: readonly ArchiveFile[],
  { url, readFile }: PluginArchive,
): Promise<PluginEntry> {
  const packed = files.find(({ path }) => basename(path) === OWN_CONFIG);
  const text =
    packed === undefined ? await readFile(OWN_CONFIG) : new TextDecoder().decode(packed.content);
  if (text === undefined) throw new InstallError(`the plugin has no ${OWN_CONFIG}`);
  const { localPath: _, checksum: __, ...entry } = pluginEntry(text);
  return url === undefined || entry["url"] !== undefined ? entry : { ...entry, url };
}

function nameOf(suggested: PluginEntry, name: string, { entryName }: InstallOptions): string {
  const own = suggested["name"];
  const called = typeof own === "string" && own !== "" ? own : name;
  if (entryName === undefined || entryName === called) return called;
  throw new InstallError(`the plugin of ${entryName} calls itself ${called}: name its entry so`);
}

function stage(
  staging: Staging,
  files: readonly ArchiveFile[],
  binary: ArchiveFile,
  { fetched }: PluginArchive,
  { isClean }: InstallOptions,
): void {
  if (isClean) for (const each of fetched) staging.discard(each);
  // A module may import those beside it.
  const belongs = (path: string) => isModule(binary.path) && /\.(ts|js|mjs|json)$/.test(path);
  for (const file of files) {
    const { path, isExecutable, content } = file;
    if (isClean && file !== binary && !belongs(path)) continue;
    const isProgram = isExecutable || (file === binary && !isModule(path));
    staging.write(path, content, isProgram ? 0o755 : 0o644);
  }
}

/** @throws InstallError when the gateway would not take it */
function checkConfig(text: string, { configPath, env }: InstallOptions): void {
  const result = readPlugins(text, configPath, { env, lint: false });
  if (result.ok) return;
  const errors = result.issues.filter(({ severity }) => severity === "error");
  const lines = errors.map((issue) => formatIssue(issue)).join("; ");
  throw new InstallError(`the configuration would have errors with the plugin in it: ${lines}`);
}
