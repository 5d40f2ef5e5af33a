import { expect, test } from "bun:test";
import packageJson from "../../package.json" with { type: "json" };
import { billOfMaterials } from "./bill-of-materials.ts";

interface Bill {
  readonly components: readonly {
    readonly "bom-ref": string;
    readonly name: string;
    readonly version: string;
    readonly purl: string;
    readonly licenses: readonly object[];
    readonly hashes?: readonly { readonly content: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const bill = JSON.parse(await billOfMaterials(new Date(0))) as Bill;

test("the bill of materials has Bun and every package that the gateway needs, in the version it is pinned to", () => {
  const found = new Map(bill.components.map((one) => [one["bom-ref"], one]));
  for (const [name, version] of Object.entries(packageJson.dependencies)) {
    expect(found.get(name)).toMatchObject({ name, version });
  }
  expect(found.get("bun")?.version).toBe(Bun.version);
  // Needed by a package that is needed.
  expect(found.get("sparse-bitfield")?.purl).toStartWith("pkg:npm/sparse-bitfield@");
  expect(found.get("@peculiar/x509")?.purl).toBe(
    `pkg:npm/%40peculiar/x509@${packageJson.dependencies["@peculiar/x509"]}`,
  );
});

test("it has none that only its development needs", () => {
  const names = bill.components.map(({ name }) => name);
  for (const name of Object.keys(packageJson.devDependencies)) expect(names).not.toContain(name);
});

test("each component has a license, each package its digest, and no other is referred to", () => {
  const refs = bill.components.map((one) => one["bom-ref"]);
  expect(new Set(refs).size).toBe(refs.length);
  for (const { name, licenses, hashes } of bill.components) {
    expect({ name, count: licenses.length }).toEqual({ name, count: 1 });
    if (name !== "bun") expect(hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
  }
  for (const { ref, dependsOn } of bill.dependencies) {
    for (const needed of dependsOn)
      expect({ ref, isKnown: refs.includes(needed) }).toEqual({
        ref,
        isKnown: true,
      });
  }
});
