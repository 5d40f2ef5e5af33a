/**
 * Checks everything that needs no running gateway: `bun run check`. Format, lint, types, dead code, protocol
 * files, generated files, arrows between folders. All checks run, also after one has failed; the exit code is 1 if any has.
 */
import { bun, installedProgram, root, run, runScript } from "./repository.ts";

const CHECKS: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: "format", command: [bun, "fmt", "--check"] },
  {
    name: "lint",
    command: [bun, "--bun", installedProgram("oxlint"), "--type-aware", "--deny-warnings"],
  },
  { name: "types", command: [bun, "check", "--no-script"] },
  {
    name: "types in browsers",
    command: [bun, "check", "--no-script", "--project", "src/admin/page/browser"],
  },
  { name: "dead code", command: [bun, "--bun", installedProgram("knip")] },
  { name: "protocol files", command: [bun, `${root}/scripts/protocol.ts`] },
  { name: "generated files", command: [bun, `${root}/scripts/gen.ts`, "--check"] },
  { name: "arrows", command: [bun, "test", "./tests/architecture"] },
];

await runScript(async () => {
  const failed: string[] = [];
  for (const { name, command } of CHECKS) {
    console.log(`# ${name}`);
    if ((await run(command)) !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
});
