/**
 * Makes everything of a release: `bun run release [--target <platform> ...] [--output <folder>] [--from <URL>]`.
 * The URL is where the files will be: install.sh fetches them from there.
 *
 * For each platform an archive, for Linux with glibc a .deb and a .rpm as well; a bill of materials, `install.sh` and
 * `checksums.txt`. A platform that cannot be made is named at the end, and the exit code is 1; the others are
 * there all the same. The same commit gives the same bytes.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { build, commitTime, type Target, TARGETS, targetNamed } from "./build.ts";
import { billOfMaterials } from "./release/bill-of-materials.ts";
import { checksumsOf } from "./release/checksums.ts";
import { installScript } from "./release/install-script.ts";
import { type Arch, makeLinuxPackages } from "./release/linux-packages.ts";
import { makePlatformArchive } from "./release/platform-archive.ts";
import { root, runScript } from "./repository.ts";

const { version } = packageJson;

/** Where the files go; what was made before is removed from there, and from nowhere else. */
const DIRECTORY = join(root, "dist", "release");

/** Platforms that there are packages for, and what these call the processor. */
const PACKAGED: ReadonlyMap<Target, Arch> = new Map([
  ["linux-x64", "amd64"],
  ["linux-arm64", "arm64"],
]);

/** One thing to make: what it is called when it cannot be, and how it is made. */
interface Step {
  readonly name: string;
  /** Resolves to the paths of the files. */
  readonly make: () => Promise<readonly string[]>;
}

function stepsFor(target: Target, directory: string): readonly Step[] {
  const archive: Step = {
    name: target,
    make: async () => {
      const binary = await build({ target });
      const modifiedAt = commitTime();
      return [await makePlatformArchive({ target, version, binary, modifiedAt, directory })];
    },
  };
  const arch = PACKAGED.get(target);
  if (arch === undefined) return [archive];
  const packages: Step = {
    name: `packages of ${target}`,
    make: async () => {
      const [binary, runnable] = [await build({ target }), await build()];
      const modifiedAt = commitTime();
      return await makeLinuxPackages({ arch, version, binary, runnable, modifiedAt, directory });
    },
  };
  return [archive, packages];
}

async function release(
  targets: readonly Target[],
  directory: string,
  from: string,
): Promise<number> {
  if (directory === DIRECTORY) await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) throw new Error(`${directory} is not empty`);
  const paths: string[] = [];
  const failures: string[] = [];
  for (const { name, make } of targets.flatMap((target) => stepsFor(target, directory))) {
    try {
      paths.push(...(await make()));
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const bill = join(directory, `gatewayd-source-v${version}.cyclonedx.json`);
  await Bun.write(bill, await billOfMaterials(commitTime()));
  const installer = join(directory, "install.sh");
  await Bun.write(installer, await installScript({ version, from }));
  paths.push(bill, installer);
  await Bun.write(join(directory, "checksums.txt"), await checksumsOf(paths));

  console.log(`made in ${directory}:`);
  for (const path of [...paths, "checksums.txt"]) console.log(`  ${basename(path)}`);
  for (const failure of failures) console.error(`not made: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

await runScript(async () => {
  const { values } = parseArgs({
    options: {
      target: { type: "string", multiple: true, default: Object.keys(TARGETS) },
      output: { type: "string", default: DIRECTORY },
      from: { type: "string", default: "" },
    },
  });
  return await release(values.target.map(targetNamed), resolve(values.output), values.from);
});
