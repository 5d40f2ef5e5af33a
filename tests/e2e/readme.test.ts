/** What the README says of plugins, done as it is written: in a folder of its own, by somebody who has nothing else. */
import { expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  freePort,
  GATEWAYD_BINARY,
  runToEnd,
  startPostgres,
  startProcess,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

const README = join(import.meta.dir, "..", "..", "README.md");

/** The blocks of a section in their order, each with its language. */
function blocksOf(page: string, title: string): readonly (readonly [string, string])[] {
  const [, rest = ""] = page.split(`\n## ${title}\n`);
  const [section = ""] = rest.split("\n## ");
  return [...section.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, kind = "", text = ""]) => [
    kind,
    text,
  ]);
}

test("the README has the blocks that are tried here", async () => {
  const page = await readFile(README, "utf8");
  const kinds = (title: string) => blocksOf(page, title).map(([kind]) => kind);
  expect(kinds("Write a plugin")).toEqual(["ts", "yaml", "sh", "text"]);
  expect(kinds("Run it in front of your database")).toEqual(["sh", "yaml", "sh"]);
});

testNeeding("psql")(
  "a plugin is written, run and seen as the README says",
  async () => {
    const page = await readFile(README, "utf8");
    const [, [, config] = []] = blocksOf(page, "Run it in front of your database");
    const blocks = blocksOf(page, "Write a plugin");
    const [source, plugins, commands, shown] = blocks.map(([, text]) => text);
    const [run = "", ask = ""] = commands?.trim().split("\n") ?? [];

    await using postgres = await startPostgres();
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-readme-"));
    const home = join(directory, "home");
    // Not the reader's own addresses: those of this test.
    const port = await freePort();
    const own = (text = ""): string =>
      text
        .replaceAll("db.example.com:5432", postgres.address)
        .replaceAll("0.0.0.0:15432", `127.0.0.1:${port}`)
        .replaceAll("port=15432", `port=${port}`)
        .replaceAll("localhost", "127.0.0.1")
        .replaceAll("user=me dbname=mydb", `user=${postgres.user} dbname=${postgres.database}`);
    await mkdir(home);
    await mkdir(join(directory, "dist"));
    await symlink(GATEWAYD_BINARY, join(directory, "dist", "gatewayd"));
    await writeFile(join(directory, "gatewayd.yaml"), own(config));
    await writeFile(join(directory, "hello.ts"), source ?? "");
    await writeFile(join(directory, "gatewayd_plugins.yaml"), plugins ?? "");

    const env = { HOME: home, PATH: `${dirname(Bun.which("psql") ?? "")}:/usr/bin:/bin` };
    const shell = (command: string): [string, ...string[]] => ["sh", "-c", command];
    {
      await using gateway = await startProcess(shell(`exec ${own(run)}`), { cwd: directory, env });
      await gateway.waitForLine("GatewayD is listening");
      const answer = async (): Promise<string> => {
        const { stdout } = await runToEnd(shell(own(ask)), {
          cwd: directory,
          env: { ...env, PGPASSWORD: postgres.password ?? "" },
        });
        // psql fills the heading up with blanks, which a page would not keep.
        return stdout.replaceAll(/ +$/gm, "").trimEnd();
      };
      expect(await answer()).toBe(shown?.trimEnd() ?? "");
      await gateway.waitForLine(/INF Query .*sql=/);
      await writeFile(join(directory, "hello.ts"), (source ?? "").replace("world", "moon"));
      await waitFor("the changed word", answer, { until: (text) => text.includes("moon") });
      gateway.kill("SIGTERM");
      expect((await gateway.waitForExit(40_000)).code).toBe(0);
    }
    await rm(directory, { recursive: true });
  },
  60_000,
);
