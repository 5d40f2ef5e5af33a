/**
 * Runs one of the scripts beside it with exactly the Bun this project is pinned to, after setting up what is
 * missing: `node scripts/bootstrap.mjs <script> [arguments]`.
 *
 * Plain JavaScript without dependencies, so that Node 20+ and any Bun can run it on a fresh clone. The pinned
 * Bun is the running one, else the one in `.tools/`, else the one on PATH; failing all, it is installed from
 * npm into `.tools/`. Package managers may skip install scripts, so the program is taken straight from the
 * platform's package instead of from where a script would have put it.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, ".tools");
const isWindows = process.platform === "win32";
const bunProgram = isWindows ? "bun.exe" : "bun";
const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.bun;

/** Ends with a message for the person at the terminal; there is nothing to catch it. */
function fail(message) {
  console.error(`bootstrap: ${message}`);
  process.exit(1);
}

function isPinnedBun(program) {
  const result = spawnSync(program, ["--version"], { encoding: "utf8" });
  return result.status === 0 && result.stdout.trim() === version;
}

/** Programs of the platform packages in `.tools/`: npm may bring several (glibc, musl, older processors). */
function bunsInTools() {
  const packages = join(tools, "node_modules", "@oven");
  if (!existsSync(packages)) return [];
  return readdirSync(packages)
    .filter((name) => name.startsWith("bun-"))
    .sort()
    .map((name) => join(packages, name, "bin", bunProgram))
    .filter((program) => existsSync(program));
}

function bunsOnPath() {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, bunProgram))
    .filter((program) => existsSync(program));
}

function findBun() {
  if (process.versions.bun === version) return process.execPath;
  return [...bunsInTools(), ...bunsOnPath()].find(isPinnedBun);
}

/** Runs a set-up step and shows its output on stderr: stdout belongs to the script. */
function runStep(program, args, options = {}) {
  return spawnSync(program, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
}

function installBun() {
  console.error(`bootstrap: installing Bun ${version} into .tools/ (once)`);
  mkdirSync(tools, { recursive: true });
  const wanted = `bun@${version}`;
  const npmArgs = ["--prefix", tools, "--ignore-scripts", "--no-audit", "--no-fund"];
  let result = runStep("npm", ["install", ...npmArgs, wanted], { shell: isWindows });
  if (result.error?.code === "ENOENT" && process.versions.bun !== undefined) {
    // Only another version of Bun is here: it can install its sibling, given a package of its own to put it in.
    const manifest = join(tools, "package.json");
    if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
    result = runStep(process.execPath, ["add", "--exact", "--ignore-scripts", wanted], {
      cwd: tools,
    });
  }
  if (result.error) fail(`cannot install Bun ${version}: ${result.error.message}`);
  if (result.status !== 0) fail(`installing Bun ${version} failed (see above)`);
  return (
    bunsInTools().find(isPinnedBun) ??
    fail(`Bun ${version} was installed into .tools/, but none of its programs runs here`)
  );
}

/** Installs the dependencies unless the lockfile is the one they were installed from. */
function installDependencies(bun) {
  const stampFile = join(root, "node_modules", ".bootstrap-stamp");
  const stamp = createHash("sha256")
    .update(readFileSync(join(root, "bun.lock")))
    .digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  console.error("bootstrap: installing dependencies");
  const result = runStep(bun, ["install", "--frozen-lockfile", "--ignore-scripts"]);
  if (result.error) fail(`cannot run ${bun}: ${result.error.message}`);
  if (result.status !== 0) fail("installing the dependencies failed (see above)");
  writeFileSync(stampFile, stamp);
}

function runScript(bun, script, args) {
  // Servers that a killed script leaves behind end with it.
  const child = spawn(bun, ["--no-orphans", script, ...args], { cwd: root, stdio: "inherit" });
  const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`cannot run ${bun}: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}

const [name, ...args] = process.argv.slice(2);
if (name === undefined) fail("which script? for example: node scripts/bootstrap.mjs test");
const script = join(root, "scripts", `${name}.ts`);
if (!existsSync(script)) fail(`there is no ${script}`);
const bun = findBun() ?? installBun();
installDependencies(bun);
runScript(bun, script, args);
