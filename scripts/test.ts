/**
 * Runs all tests: `bun run test [part of a file's path ...] [flags of bun test ...]`.
 *
 * Unit and architecture tests run in parallel, integration and end-to-end tests one file after the other:
 * they start servers, and measure. The executable is built first, so that end-to-end tests meet the current
 * source. The last line is `N passed, N failed`, with `, N skipped` if any; the titles of those that failed
 * or were skipped are above it.
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.ts";
import { readJunitReport, type TestCounts } from "./junit-report.ts";
import { bun, filesBelow, root, runScript } from "./repository.ts";
import { findLeaks, secretsIn } from "../tests/kit/leaked-secrets.ts";
import { TRANSCRIPTS_VARIABLE } from "../tests/kit/transcripts.ts";

/** Everything together must be over by then; a hanging test must not hang the CI. */
const TOTAL_DEADLINE_MS = 25 * 60_000;

interface Group {
  readonly name: string;
  readonly folders: readonly string[];
  readonly flags: readonly string[];
}

const GROUPS: readonly Group[] = [
  {
    name: "unit",
    folders: ["src", "bench", "examples", "scripts", "tests/kit", "tests/architecture"],
    flags: ["--parallel=2", "--timeout=20000"],
  },
  { name: "integration", folders: ["tests/integration"], flags: ["--timeout=60000"] },
  { name: "end-to-end", folders: ["tests/e2e"], flags: ["--timeout=120000"] },
  { name: "parity", folders: ["tests/parity"], flags: ["--timeout=120000"] },
  { name: "soak", folders: ["tests/soak"], flags: ["--timeout=120000"] },
];

async function testFiles(group: Group, filters: readonly string[]): Promise<readonly string[]> {
  const files = await Promise.all(group.folders.map((folder) => filesBelow(folder, "*.test.ts")));
  return files
    .flat()
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

/** Runs one group, its output going straight to the terminal, and counts what its report says. */
async function runGroup(
  group: Group,
  files: readonly string[],
  flags: readonly string[],
  reportFile: string,
  transcripts: string,
  deadline: number,
): Promise<TestCounts> {
  const child = Bun.spawn(
    [
      bun,
      // Servers that a killed test run leaves behind end with it.
      "--no-orphans",
      "test",
      ...group.flags,
      ...flags,
      "--reporter=junit",
      `--reporter-outfile=${reportFile}`,
      ...files.map((file) => `./${file}`),
    ],
    {
      cwd: root,
      env: { ...process.env, [TRANSCRIPTS_VARIABLE]: transcripts },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, deadline - Date.now());
  const exitCode = await child.exited;
  clearTimeout(timer);

  const report = Bun.file(reportFile);
  const counts = readJunitReport((await report.exists()) ? await report.text() : "");
  const isFilteredAway = flags.length > 0 && counts.passed + counts.failed.length === 0;
  if (exitCode === 0 || counts.failed.length > 0 || (isFilteredAway && !isLate)) return counts;
  // Bun's own words are above: a file that cannot be loaded, an error between tests, a crash.
  const reason = isLate ? "were not over in time" : `ended with ${child.signalCode ?? exitCode}`;
  console.error(`the ${group.name} tests ${reason}; this counts as one failure`);
  return { ...counts, failed: [`the ${group.name} tests ${reason}`] };
}

/** Counts as a test: no password of a test is in anything that a gateway has written. */
async function searchForSecrets(transcripts: string): Promise<TestCounts> {
  const sources = await filesBelow("tests", "*.ts");
  const texts = await Promise.all(sources.map((file) => Bun.file(`${root}/${file}`).text()));
  const leaks = await findLeaks(transcripts, texts.flatMap(secretsIn));
  for (const { secret, line } of leaks) console.error(`"${secret}" is in: ${line}`);
  const files = (await readdir(transcripts)).length;
  console.log(`\n${leaks.length} lines with secrets in the output of ${files} gateways`);
  if (leaks.length === 0) return { passed: 1, failed: [], skipped: [] };
  return { passed: 0, failed: ["no secret is in the output of a gateway"], skipped: [] };
}

async function runTests(args: readonly string[]): Promise<number> {
  const deadline = Date.now() + TOTAL_DEADLINE_MS;
  const firstFlag = args.findIndex((arg) => arg.startsWith("-"));
  const filters = firstFlag < 0 ? args : args.slice(0, firstFlag);
  const flags = firstFlag < 0 ? [] : args.slice(firstFlag);

  await build();
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-test-"));
  const transcripts = join(directory, "transcripts");
  await mkdir(transcripts);
  const all: TestCounts[] = [];
  try {
    for (const group of GROUPS) {
      const files = await testFiles(group, filters);
      if (files.length === 0) continue;
      console.log(`\n# ${group.name} tests (${files.length} files)`);
      const report = join(directory, `${group.name}.xml`);
      all.push(await runGroup(group, files, flags, report, transcripts, deadline));
    }
    if ((await readdir(transcripts)).length > 0) all.push(await searchForSecrets(transcripts));
  } finally {
    await rm(directory, { recursive: true });
  }

  const passed = all.reduce((sum, counts) => sum + counts.passed, 0);
  const failed = all.flatMap((counts) => counts.failed);
  const skipped = all.flatMap((counts) => counts.skipped);
  // With flags such as -t the rest is skipped on purpose, and its list would only be noise.
  if (flags.length === 0) printTitles("skipped", skipped);
  printTitles("failed", failed);
  if (passed + failed.length === 0) console.error("no test ran");
  const ending = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  console.log(`\n${passed} passed, ${failed.length} failed${ending}`);
  return failed.length > 0 || passed === 0 ? 1 : 0;
}

function printTitles(heading: string, titles: readonly string[]): void {
  if (titles.length > 0)
    console.log(`\n${heading}:\n${titles.map((title) => `  ${title}`).join("\n")}`);
}

await runScript(() => runTests(process.argv.slice(2)));
