/** Finds a release by the interface of GitHub (REST, version 2022-11-28). */
import { InstallError } from "./install-error.ts";
import type { ReleaseSource } from "./plugin-source.ts";
import { request, textOf } from "./request.ts";

/** A file of a release. */
export interface Asset {
  readonly name: string;
  readonly url: string;
}

export interface Release {
  readonly tag: string;
  /** The plugin for one platform. */
  readonly archive: Asset;
  /** SHA-256 of the archives of all platforms. */
  readonly checksums: Asset;
}

export interface ReleasePlace {
  /** Of the interface: `https://api.github.com`. */
  readonly baseUrl: string;
  readonly signal: AbortSignal;
}

/** Longest answer of the interface itself; archives are downloaded. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Names that archives have for systems: one without any of them is for all. */
const SYSTEMS = ["linux", "darwin", "windows", "freebsd"];

/**
 * @param platform `linux/amd64`
 * @throws InstallError when there is no such release, or no archive or checksums in it
 */
export async function findRelease(
  source: ReleaseSource,
  platform: string,
  place: ReleasePlace,
): Promise<Release> {
  const { account, repository, version } = source;
  const path = version === "latest" ? "latest" : `tags/${encodeURIComponent(version)}`;
  const url = `${repositoryUrl(source, place)}/releases/${path}`;
  const response = await request(url, place.signal, { accept: "application/vnd.github+json" });
  const shown = `github.com/${account}/${repository}`;
  if (response.status === 404) {
    const what = version === "latest" ? "release" : `release ${version}`;
    throw new InstallError(`${shown} has no ${what} (or does not exist)`);
  }
  if (!response.ok) throw new InstallError(await refusal(url, response));
  const { tag, assets } = await readRelease(url, response);
  return {
    tag,
    archive: archiveAmong(assets, repository, platform, `${shown}@${tag}`),
    checksums: checksumsAmong(assets, `${shown}@${tag}`),
  };
}

/** The file of a repository at a tag; undefined when there is none. */
export async function readRepositoryFile(
  source: ReleaseSource,
  tag: string,
  file: string,
  place: ReleasePlace,
): Promise<string | undefined> {
  const url = `${repositoryUrl(source, place)}/contents/${file}?ref=${encodeURIComponent(tag)}`;
  // GitHub sends the content alone for this type; what does not know it sends JSON.
  const response = await request(url, place.signal, { accept: "application/vnd.github.raw" });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new InstallError(await refusal(url, response));
  const text = await textOf(url, response, MAX_ANSWER_BYTES);
  if (!response.headers.get("content-type")?.includes("json")) return text;
  const content = field(parseJson(url, text), "content");
  if (typeof content !== "string") throw new InstallError(`${url} does not answer with a file`);
  return Buffer.from(content, "base64").toString("utf8");
}

function repositoryUrl({ account, repository }: ReleaseSource, { baseUrl }: ReleasePlace): string {
  return `${baseUrl.replace(/\/+$/, "")}/repos/${account}/${repository}`;
}

async function readRelease(url: string, response: Response) {
  const release = parseJson(url, await textOf(url, response, MAX_ANSWER_BYTES));
  const [tag, listed] = [field(release, "tag_name"), field(release, "assets")];
  if (typeof tag !== "string" || !Array.isArray(listed)) {
    throw new InstallError(`${url} does not answer with a release`);
  }
  const assets = listed.flatMap((each): Asset[] => {
    const [name, address] = [field(each, "name"), field(each, "browser_download_url")];
    return typeof name === "string" && typeof address === "string" ? [{ name, url: address }] : [];
  });
  return { tag, assets };
}

function archiveAmong(
  assets: readonly Asset[],
  repository: string,
  platform: string,
  shown: string,
): Asset {
  const [system = "", machine = ""] = platform.split("/");
  const extension = system === "windows" ? ".zip" : ".tar.gz";
  const archives = assets.filter(({ name }) => name.endsWith(extension));
  const fitting = archives.filter(({ name }) => name.includes(system) && name.includes(machine));
  // Modules run everywhere.
  const forAll = archives.filter(({ name }) => !SYSTEMS.some((each) => name.includes(each)));
  const candidates = fitting.length > 0 ? fitting : forAll;
  const found = candidates.find(({ name }) => name.startsWith(repository)) ?? candidates[0];
  if (found !== undefined) return checked(found, shown);
  const names = assets.map(({ name }) => name).join(", ") || "nothing";
  throw new InstallError(`${shown} has no ${extension} archive for ${platform}; it has ${names}`);
}

function checksumsAmong(assets: readonly Asset[], shown: string): Asset {
  const found = assets.find(({ name }) => name.includes("checksums.txt"));
  if (found === undefined) throw new InstallError(`${shown} has no checksums.txt to verify with`);
  return checked(found, shown);
}

/** The name becomes that of a file here, and the address may be any that is spoken of by whoever answers. */
function checked(asset: Asset, shown: string): Asset {
  if (!URL.canParse(asset.url) || !/^https?:$/.test(new URL(asset.url).protocol)) {
    throw new InstallError(`${shown} has its ${asset.name} at no address of the web: ${asset.url}`);
  }
  if (/^[\w+-][\w.+-]*$/.test(asset.name)) return asset;
  throw new InstallError(
    `${shown} has a file of an impossible name: ${JSON.stringify(asset.name)}`,
  );
}

async function refusal(url: string, response: Response): Promise<string> {
  const text = await textOf(url, response, MAX_ANSWER_BYTES);
  let message: unknown;
  try {
    message = field(JSON.parse(text), "message");
  } catch {
    // Not JSON: the status has to do.
  }
  const reason = typeof message === "string" ? `: ${message}` : "";
  return `${url} answers ${response.status}${reason}`;
}

function parseJson(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InstallError(`${url} does not answer with JSON`);
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name] // `in` says that it has it
    : undefined;
}
