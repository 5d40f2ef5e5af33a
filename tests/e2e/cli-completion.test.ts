import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { GATEWAYD_BINARY, runToEnd, testNeeding } from "../kit/index.ts";

/** Holds the binary as `bin/gatewayd`, and a file and a directory to complete. */
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-completion-"));
  mkdirSync(join(directory, "bin"));
  symlinkSync(GATEWAYD_BINARY, join(directory, "bin/gatewayd"));
  await Bun.write(join(directory, "payload.yaml"), "");
  mkdirSync(join(directory, "paydir"));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function runShell(command: readonly [string, ...string[]]): Promise<string> {
  const path = `${join(directory, "bin")}:${process.env["PATH"] ?? ""}`;
  const env = { PATH: path, HOME: directory, TERM: "dumb" };
  const { code, stdout, stderr } = await runToEnd(command, { cwd: directory, env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd();
}

describe("in bash", () => {
  /** What the completion function answers; `type` is what bash sets while it lists (63) or not (9). */
  function complete(words: string, type = 9, scriptFlags = ""): Promise<string> {
    return runShell([
      "bash",
      "-c",
      `source <(gatewayd completion bash ${scriptFlags})
       COMP_WORDS=(${words}) COMP_TYPE=${type}; COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
       __gatewayd_complete
       printf '%s|' "\${COMPREPLY[@]}"`,
    ]);
  }

  test.each([
    ["gatewayd co", "completion|config|"],
    ["gatewayd config ''", "import|init|lint|schema|show|"],
    ["gatewayd -c x.yaml ru", "run|"],
    ["gatewayd run --sen", "--sentry|"],
    ["gatewayd run --sentry =", "true|false|"],
    ["gatewayd run --sentry = f", "false|"],
    ["gatewayd run -c payl", "payload.yaml|"],
    ["gatewayd run --config = payl", "payload.yaml|"],
    ["gatewayd gen-docs -o pay", "paydir|"],
  ])("%p becomes %p", async (words, expected) => {
    expect(await complete(words)).toBe(expected);
  });

  test("descriptions are listed, unless they were not wanted", async () => {
    const described = await complete("gatewayd co", 63);
    expect(described).toBe(
      "completion   (Print the completion script of a shell)|" +
        "config       (Create, check and show the configuration)|",
    );
    expect(await complete("gatewayd co", 63, "--no-descriptions")).toBe("completion|config|");
  });

  test("the function is registered for gatewayd", async () => {
    const registered = await runShell([
      "bash",
      "-c",
      "source <(gatewayd completion bash); complete -p gatewayd",
    ]);
    expect(registered).toBe("complete -F __gatewayd_complete gatewayd");
  });
});

describe("in zsh", () => {
  testNeeding("zsh")("the script registers itself when it is sourced", async () => {
    const registered = await runShell([
      "zsh",
      "-fc",
      "autoload -Uz compinit; compinit -u -D; source <(gatewayd completion zsh); print $_comps[gatewayd]",
    ]);
    expect(registered).toBe("_gatewayd");
  });

  // Zsh completes only at a terminal: there has to be one.
  for (const [line, expected] of [
    ["gatewayd ver", "gatewayd version"],
    ["gatewayd run --sentry=f", "gatewayd run --sentry=false"],
    ["gatewayd run --config=payl", "gatewayd run --config=payload.yaml"],
    ["gatewayd gen-docs -o payd", "gatewayd gen-docs -o paydir/"],
  ] as const) {
    testNeeding("zsh")(`"${line}" becomes "${expected}"`, async () => {
      const seen = await runShell([
        "zsh",
        "-fc",
        `zmodload zsh/zpty
         zpty shell 'zsh -f -i'
         zpty -w shell 'autoload -Uz compinit; compinit -u -D; source <(gatewayd completion zsh); print RE""ADY'
         zpty -r shell seen '*READY*'
         zpty -n -w shell '${line}'$'\t'
         zpty -r shell seen '*${expected}*'
         print -r -- $seen; zpty -d shell`,
      ]);
      expect(seen).toContain(expected);
    });
  }
});

describe("in fish", () => {
  for (const [line, expected] of [
    ["gatewayd co", "completion|config"],
    ["gatewayd run --sentry=f", "--sentry=false"],
    ["gatewayd run --config=payl", "--config=payload.yaml"],
  ] as const) {
    testNeeding("fish")(`"${line}" becomes "${expected}"`, async () => {
      const offered = await runShell([
        "fish",
        "--no-config",
        "-c",
        `gatewayd completion fish --no-descriptions | source; complete -C '${line}' | string join '|'; true`,
      ]);
      expect(offered).toBe(expected);
    });
  }
});

test.each(["bash", "zsh", "fish", "powershell"])(
  "the %s script asks the hidden command, with or without descriptions",
  async (shell) => {
    const [long, short] = await Promise.all([
      runShell([GATEWAYD_BINARY, "completion", shell]),
      runShell([GATEWAYD_BINARY, "completion", shell, "--no-descriptions"]),
    ]);
    expect(long).toContain(" __complete ");
    expect(long).not.toContain("--no-descriptions");
    expect(short).toContain(" __complete --no-descriptions ");
  },
);
