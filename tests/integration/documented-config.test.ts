/** Every configuration that a page shows is one: it loads, as it is or in the place that the page says. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Glob } from "bun";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { formatIssue, loadGlobalConfig, loadPluginsConfig } from "../../src/config/index.ts";

const root = join(import.meta.dir, "..", "..");
const TLS = join(root, "tests", "fixtures", "tls");

interface Block {
  /** `docs/pooling.md:14` */
  readonly place: string;
  readonly text: string;
}

const pages = ["README.md", ...new Glob("docs/**/*.md").scanSync(root)].sort();
const blocks = (await Promise.all(pages.map(blocksOf))).flat();

async function blocksOf(page: string): Promise<Block[]> {
  const source = await Bun.file(join(root, page)).text();
  return [...source.matchAll(/```yaml\n(.*?)```/gs)].map(({ index, 1: text = "" }) => ({
    place: `${page}:${source.slice(0, index).split("\n").length}`,
    text,
  }));
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-documented-"));
  writeFileSync(join(directory, "file"), "content\n");
  const key = Buffer.alloc(32).toString("base64");
  writeFileSync(join(directory, "verifier"), `SCRAM-SHA-256$4096:${key}$${key}:${key}\n`);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What the page leaves to the reader: files of theirs, and a group with logins and certificates. */
function completed(text: string): string {
  const own = text
    .replaceAll(/file:(\S+)/g, (_, path: string) => {
      const kind = path.endsWith(".verifier") ? "verifier" : "file";
      return `file:${join(directory, kind)}`;
    })
    .replaceAll(/\S+\.pem/g, join(TLS, "ca.crt"));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a page shows nothing but maps
  const { auth, routes, ...rest } = parse(own) as Tree;
  if (auth === undefined && routes === undefined) return own;
  const names = routes === undefined ? ["writes"] : ["shop-1", "shop-2", "stock", "replica"];
  const blocks = (value: unknown) => ({
    default: Object.fromEntries(names.map((name) => [name, value])),
  });
  const server = {
    enableTLS: true,
    tlsMode: "verify-ca",
    certFile: join(TLS, "server.crt"),
    keyFile: join(TLS, "server.key"),
    clientCAFile: join(TLS, "ca.crt"),
    auth: auth ?? { method: "scram-sha-256", usersFile: join(directory, "users.yaml") },
    ...(routes !== undefined && { routes }),
  };
  return stringify({
    clients: blocks({ address: "127.0.0.1:5432" }),
    pools: blocks({ mode: "transaction" }),
    servers: { default: server },
    ...rest,
  });
}

type Tree = Readonly<Record<string, unknown>>;

const PLUGINS_KEYS = ["plugins", "policies", "rules"];
/** Files of other kinds: users (docs/pooling.md), and what a scaffold is made from (docs/installing-plugins.md). */
const OTHER_KEYS = ["users", "remote_url"];

test.each(blocks)("$place loads without an error", ({ text }) => {
  const [key = ""] = /^\w+/.exec(text) ?? [];
  if (OTHER_KEYS.includes(key)) return;
  const path = join(directory, "shown.yaml");
  writeFileSync(path, completed(text));
  const result = PLUGINS_KEYS.includes(key)
    ? loadPluginsConfig({ pluginConfigPath: path, env: {}, dev: true })
    : loadGlobalConfig({ configPath: path, env: {} });
  const problems = result.ok ? [] : result.issues.map(formatIssue);
  expect(problems).toEqual([]);
});

test("there are such blocks", () => {
  expect(blocks.length).toBeGreaterThan(10);
});
