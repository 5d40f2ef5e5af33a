/**
 * Checks the files of proto/: their style, and that nothing on the wire means something else than it does on
 * the branch main. Where there is no such branch (a shallow clone of another one, sources without git) the
 * second half is skipped, which is said.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bun, installedProgram, outputOf, root, run, runScript } from "./repository.ts";

const buf = [bun, "--bun", installedProgram("buf")];

/** Where main is, as this clone knows it. */
const MAIN_REFS = ["refs/heads/main", "refs/remotes/origin/main"];

/** Compares with the files of a commit. Resolves to buf's exit code. */
async function compareWith(commit: string): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-protocol-"));
  try {
    const archive = join(directory, "main.tar");
    const files = ["buf.yaml", ":(glob)**/*.proto"];
    const packed = outputOf(["git", "archive", `--output=${archive}`, commit, ...files]);
    if (packed === undefined) throw new Error(`git cannot pack the protocol files of ${commit}`);
    const unpacked = await new Bun.Archive(await Bun.file(archive).bytes()).files();
    await Promise.all(
      [...unpacked].map(([path, file]) => Bun.write(join(directory, "main", path), file)),
    );
    return await run([...buf, "breaking", "--against", join(directory, "main")]);
  } finally {
    await rm(directory, { recursive: true });
  }
}

await runScript(async () => {
  const style = await run([...buf, "lint"]);
  const commit = MAIN_REFS.map((ref) =>
    outputOf(["git", "rev-parse", "--verify", "--quiet", `${ref}^{commit}`]),
  ).find((found) => found !== undefined);
  if (commit === undefined) {
    console.log(`${root} knows no branch main: changes of the protocol are not looked for`);
    return style;
  }
  const changes = await compareWith(commit);
  return style === 0 ? changes : style;
});
