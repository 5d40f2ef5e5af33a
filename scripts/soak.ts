/**
 * Runs the tests of chance at full size: `bun run test:soak [part of a file's path ...] [flags of bun test ...]`.
 *
 * The same tests run among all others in a bounded form. The seed is said at the beginning; to repeat a run, give
 * it back: `GATEWAYD_SEED=... bun run test:soak`.
 */
import { build } from "./build.ts";
import { bun, filesBelow, run, runScript } from "./repository.ts";

/** One test may soak this long. */
const TIMEOUT_MS = 3 * 3_600_000;

/** Files elsewhere that have a full size. */
const OTHER_TESTS = [
  "src/postgres/fuzz.test.ts",
  "src/session/pooled/pooled-relay.hostile.test.ts",
  "src/postgres/answer-ledger.model.test.ts",
  "src/sharing/statement-key.test.ts",
  "tests/integration/hooks-random.test.ts",
  "tests/integration/sharing.test.ts",
];

await runScript(async () => {
  const args = process.argv.slice(2);
  const firstFlag = args.findIndex((arg) => arg.startsWith("-"));
  const filters = firstFlag < 0 ? args : args.slice(0, firstFlag);
  const flags = firstFlag < 0 ? [] : args.slice(firstFlag);
  const all = [...OTHER_TESTS, ...(await filesBelow("tests/soak", "*.test.ts")).toSorted()];
  const files = all.filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(filter)),
  );
  if (files.length === 0) throw new Error(`no such tests; there are ${all.join(", ")}`);

  await build();
  const seed = process.env["GATEWAYD_SEED"] ?? String(Math.floor(Math.random() * 2 ** 31));
  return await run(
    [
      bun,
      "--no-orphans",
      "test",
      `--timeout=${TIMEOUT_MS}`,
      ...flags,
      ...files.map((file) => `./${file}`),
    ],
    { env: { GATEWAYD_SOAK: "1", GATEWAYD_SEED: seed } },
  );
});
