/** The .deb and the .rpm, made by nfpm from packaging/linux/nfpm.yaml. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "../repository.ts";
import { instanceUnit } from "./instance-unit.ts";

/** nfpm is a Go module: https://nfpm.goreleaser.com. */
const NFPM = { module: "github.com/goreleaser/nfpm/v2/cmd/nfpm", version: "v2.45.2" } as const;

/** What each kind of package calls the processors. */
const FILE_NAMES = {
  deb: (version: string, arch: Arch) => `gatewayd_${version}_${arch}.deb`,
  rpm: (version: string, arch: Arch) =>
    `gatewayd-${version}.${arch === "amd64" ? "x86_64" : "aarch64"}.rpm`,
} as const;

/** Processors that there are packages for. */
export type Arch = "amd64" | "arm64";

/** What goes into the packages of one processor. */
export interface LinuxPackage {
  readonly arch: Arch;
  readonly version: string;
  /** The executable. */
  readonly binary: string;
  /** An executable that runs here: it writes the completions, which are the same everywhere. */
  readonly runnable: string;
  /** What all files bear. */
  readonly modifiedAt: Date;
  /** Where the packages are put. */
  readonly directory: string;
  /** Which kinds to make. Default: all. */
  readonly kinds?: readonly (keyof typeof FILE_NAMES)[];
}

/** Makes the packages of one processor and returns their paths. @throws when nfpm cannot be had, or fails. */
export async function makeLinuxPackages(options: LinuxPackage): Promise<readonly string[]> {
  const { arch, version, binary, runnable, modifiedAt, directory } = options;
  const { kinds = ["deb", "rpm"] } = options;
  const nfpm = await nfpmProgram();
  const generated = await mkdtemp(join(tmpdir(), "gatewayd-generated-"));
  try {
    await writeCompletions(runnable, generated);
    const unit = await Bun.file(join(root, "packaging/linux/gatewayd.service")).text();
    await Bun.write(join(generated, "gatewayd@.service"), instanceUnit(unit));
    const paths: string[] = [];
    for (const kind of kinds) {
      const path = join(directory, FILE_NAMES[kind](version, arch));
      const exitCode = await run(
        [
          ...[nfpm, "package", "--config", "packaging/linux/nfpm.yaml"],
          ...["--packager", kind, "--target", path],
        ],
        {
          env: {
            ARCH: arch,
            VERSION: version,
            BINARY: binary,
            GENERATED: generated,
            SOURCE_DATE_EPOCH: String(modifiedAt.getTime() / 1000),
          },
        },
      );
      if (exitCode !== 0) throw new Error(`nfpm cannot make the .${kind} for ${arch} (see above)`);
      paths.push(path);
    }
    return paths;
  } finally {
    await rm(generated, { recursive: true });
  }
}

/** Where nfpm is, or would be once it is installed. */
export const NFPM_PROGRAM = join(root, ".tools", `nfpm-${NFPM.version}`, "nfpm");

/** Builds nfpm once, in the version that is pinned here, with the Go of this machine. */
async function nfpmProgram(): Promise<string> {
  if (existsSync(NFPM_PROGRAM)) return NFPM_PROGRAM;
  if (Bun.which("go") === null) {
    throw new Error("Go is not installed, and nfpm, which makes .deb and .rpm, is built with it");
  }
  const directory = join(NFPM_PROGRAM, "..");
  await mkdir(directory, { recursive: true });
  const exitCode = await run(["go", "install", `${NFPM.module}@${NFPM.version}`], {
    env: { GOBIN: directory, CGO_ENABLED: "0" },
  });
  if (exitCode !== 0) throw new Error(`go cannot install nfpm ${NFPM.version} (see above)`);
  return NFPM_PROGRAM;
}

async function writeCompletions(runnable: string, directory: string): Promise<void> {
  const names = { bash: "gatewayd.bash", zsh: "_gatewayd", fish: "gatewayd.fish" };
  for (const [shell, name] of Object.entries(names)) {
    const result = Bun.spawnSync([runnable, "completion", shell], { env: {} });
    if (!result.success) throw new Error(`${runnable} completion ${shell} failed`);
    await Bun.write(join(directory, name), result.stdout);
  }
}
