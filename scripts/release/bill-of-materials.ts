/** What an executable is made of, from the lockfile: a bill of materials in the form of CycloneDX 1.6. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import packageJson from "../../package.json" with { type: "json" };
import { root } from "../repository.ts";

const lockSchema = z.object({
  workspaces: z.object({ "": z.object({ dependencies: z.record(z.string(), z.string()) }) }),
  // Name and version, where from, what it depends on, its digest.
  packages: z.record(
    z.string(),
    z.tuple([
      z.string(),
      z.string(),
      z.object({ dependencies: z.record(z.string(), z.string()).default({}) }),
      z.string(),
    ]),
  ),
});

const manifestSchema = z.object({ license: z.string() });

interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly object[];
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
}

/**
 * The bill of materials as JSON: the gateway, the Bun inside of it, and every package that it is compiled from,
 * with licenses, digests and who needs whom.
 *
 * @throws when a package is not installed, or is not in the lockfile
 */
export async function billOfMaterials(madeAt: Date): Promise<string> {
  const text = await Bun.file(join(root, "bun.lock")).text();
  const lock = lockSchema.parse(Bun.JSONC.parse(text));
  const runtime = component("platform", "bun", Bun.version, "MIT");
  const { name, version, license } = packageJson;
  const product = component("application", name, version, license);

  const components = new Map<string, Component>();
  const needs = new Map<string, readonly string[]>();
  const keys = Object.keys(lock.workspaces[""].dependencies);
  for (const key of keys) {
    const entry = lock.packages[key];
    if (entry === undefined) throw new Error(`bun.lock has no package ${key}`);
    const [id, , { dependencies }, digest] = entry;
    const at = id.lastIndexOf("@");
    const library = component("library", id.slice(0, at), id.slice(at + 1), await licenseOf(key));
    const hashes = [{ alg: "SHA-512", content: hexOf(digest) } as const];
    components.set(key, { ...library, "bom-ref": key, hashes });
    const below = Object.keys(dependencies).map((needed) => keyOf(needed, key, lock.packages));
    needs.set(key, below);
    for (const one of below) if (!keys.includes(one)) keys.push(one);
  }

  const direct = Object.keys(lock.workspaces[""].dependencies);
  const sorted = [...components].sort(([a], [b]) => (a < b ? -1 : 1));
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { timestamp: madeAt.toISOString(), component: product },
    components: [runtime, ...sorted.map(([, one]) => one)],
    dependencies: [
      { ref: product["bom-ref"], dependsOn: [runtime["bom-ref"], ...direct] },
      ...sorted.map(([ref]) => ({ ref, dependsOn: needs.get(ref) ?? [] })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function component(
  type: Component["type"],
  name: string,
  version: string,
  license: string,
): Component {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  // A choice or a combination is an expression.
  const licenses = /[\s()]/.test(license)
    ? [{ expression: license }]
    : [{ license: { id: license } }];
  return { type, "bom-ref": name, name, version, purl, licenses };
}

/** Where the package is that another one means by a name: below it, or below what it is below, or at the top. */
function keyOf(name: string, from: string, packages: Readonly<Record<string, unknown>>): string {
  for (let path = from; ; path = path.slice(0, Math.max(path.lastIndexOf("/"), 0))) {
    const key = path === "" ? name : `${path}/${name}`;
    if (Object.hasOwn(packages, key)) return key;
    if (path === "") throw new Error(`bun.lock has no package ${name}, which ${from} needs`);
  }
}

async function licenseOf(key: string): Promise<string> {
  // "a/b" is b below a; the name of a scoped package has a slash of its own.
  const names = key.match(/@[^/]+\/[^/]+|[^/]+/g) ?? [];
  const path = join(root, ...names.flatMap((name) => ["node_modules", name]), "package.json");
  if (!existsSync(path)) throw new Error(`${key} is not installed: run bun install`);
  return manifestSchema.parse(await Bun.file(path).json()).license;
}

/** `sha512-` and base64, as npm writes digests. */
function hexOf(digest: string): string {
  return Buffer.from(digest.replace(/^sha512-/, ""), "base64").toString("hex");
}
