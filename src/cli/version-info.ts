import packageJson from "../../package.json" with { type: "json" };

// Put in by the build; absent when the source is run as it is.
declare const GATEWAYD_VERSION: string | undefined;
declare const GATEWAYD_BUILD: string | undefined;

/** What this executable is. */
export interface VersionInfo {
  /** `0.1.0` */
  readonly version: string;
  /** Time and commit of the build, or `dev build`. */
  readonly details: string;
  /** `bun 1.4.5` */
  readonly runtime: string;
  /** `linux/amd64`: operating system and machine in the names that release files use. */
  readonly platform: string;
}

/** The version of this executable; the package's own when it was not built. */
export const versionInfo: VersionInfo = {
  version: typeof GATEWAYD_VERSION === "string" ? GATEWAYD_VERSION : packageJson.version,
  details: typeof GATEWAYD_BUILD === "string" ? GATEWAYD_BUILD : "dev build",
  runtime: `bun ${Bun.version}`,
  platform: `${process.platform === "win32" ? "windows" : process.platform}/${
    process.arch === "x64" ? "amd64" : process.arch
  }`,
};

const { version, details, runtime, platform } = versionInfo;

/** All of it, as `gatewayd version` says it. */
export const versionLine = `GatewayD ${version} (${details}, ${runtime}, ${platform})`;
