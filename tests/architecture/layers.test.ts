import { beforeAll, describe, expect, test } from "bun:test";
import {
  deepImports,
  doorsWithoutHeader,
  forbiddenArrows,
  impurities,
  longFiles,
  outsideImports,
  readSourceTree,
  type SourceTree,
  unknownFolders,
} from "./source-tree.ts";

describe("the source", () => {
  let tree: SourceTree;

  beforeAll(async () => {
    tree = await readSourceTree(["src", "tests", "scripts", "bench"]);
  });

  test("has only folders that the table of arrows knows", () => {
    expect(tree.has("src/main.ts")).toBe(true);
    expect(unknownFolders(tree)).toEqual([]);
  });

  test("imports only along the arrows", () => {
    expect(forbiddenArrows(tree)).toEqual([]);
  });

  test("enters folders by their door only", () => {
    expect(deepImports(tree)).toEqual([]);
  });

  test("imports no programs from outside src", () => {
    expect(outsideImports(tree)).toEqual([]);
  });

  test("says at each door what the folder is for", () => {
    expect(doorsWithoutHeader(tree)).toEqual([]);
  });

  test("keeps the pure folders free of the platform", () => {
    expect(impurities(tree)).toEqual([]);
  });

  test("has no file over the limit of lines", () => {
    expect(longFiles(tree)).toEqual([]);
  });
});

describe("the checks of the source", () => {
  const logging = {
    "src/logging/index.ts":
      '/** d */\nexport type { Logger } from "./logger.ts";\nexport { consoleOutput } from "./console.ts";\n',
  };
  const tree = (files: Record<string, string>): SourceTree =>
    new Map(Object.entries({ ...logging, ...files }));

  test("find an arrow that is not in the table, also of a type", () => {
    const found = forbiddenArrows(
      tree({
        "src/postgres/frame.ts": 'import type {\n  Pool,\n} from "../pool/index.ts";\n',
        "src/net/dial.ts": 'type P = import("../pool/index.ts").Pool;\n',
        "src/pool/pool.ts": 'import { Backend } from "../backend/index.ts";\n',
      }),
    );
    expect(found).toEqual(["src/postgres/frame.ts imports pool", "src/net/dial.ts imports pool"]);
  });

  test("let everyone use the logging interface and only the gateway its outputs", () => {
    const source =
      'import { type Logger, consoleOutput } from "../logging/index.ts";\nimport { E } from "../errors.ts";\n';
    const found = forbiddenArrows(
      tree({ "src/net/dial.ts": source, "src/gateway/boot.ts": source }),
    );
    expect(found).toEqual([
      "src/net/dial.ts imports consoleOutput of logging, which is not part of its interface",
    ]);
  });

  test("find imports past a door, also of a folder inside a folder", () => {
    const found = deepImports(
      tree({
        "src/cli/run.ts": 'import { boot } from "../gateway/boot.ts";\n',
        "src/cli/completion/bash.ts": 'import { flags } from "../flags.ts";\n',
        "src/config/load.ts": 'export { schema } from "./schema/global.ts";\n',
        "src/gateway/boot.ts": 'export { load } from "../config/index.ts";\n',
      }),
    );
    expect(found).toEqual([
      "src/cli/run.ts imports src/gateway/boot.ts past the door of its folder",
      "src/config/load.ts imports src/config/schema/global.ts past the door of its folder",
    ]);
  });

  test("find the platform in pure folders, and not in comments", () => {
    const found = impurities(
      tree({
        "src/postgres/a.ts": 'import { createHash } from "node:crypto";\n',
        "src/balancer/b.ts": "export const now = (): number => Date.now();\n",
        "src/hooks/c.ts": "/** Not Bun.sleep. */\nexport const c = 1;\n",
        "src/net/d.ts": "export const d = Bun.nanoseconds();\n",
      }),
    );
    expect(found).toEqual([
      "src/postgres/a.ts uses node:crypto",
      "src/balancer/b.ts uses Date.now",
    ]);
  });

  test("find unknown folders, doors without a header, programs from outside and long files", () => {
    const files = tree({
      "src/utils/x.ts": "",
      "src/net/index.ts": 'export { a } from "./a.ts";\n',
      "src/net/a.ts": 'import { waitFor } from "../../tests/kit/index.ts";\n',
      "src/net/long.ts": "//\n".repeat(601),
    });
    expect(unknownFolders(files)).toEqual(["src/utils/x.ts"]);
    expect(doorsWithoutHeader(files)).toContain("net");
    expect(outsideImports(files)).toEqual(["src/net/a.ts imports tests/kit/index.ts"]);
    expect(longFiles(files)).toEqual(["src/net/long.ts has 601 lines"]);
  });
});
