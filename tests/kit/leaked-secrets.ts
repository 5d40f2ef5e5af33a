/** Looks for the passwords of tests in what gateways have written. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** One line that should not be. */
export interface Leak {
  readonly secret: string;
  readonly line: string;
}

/** `password: "..."`, `PASSWORD = "..."`, `PGPASSWORD: "..."`, and `scramLogin(client, "...")`. */
const ASSIGNED =
  /(?:password["']?\s*[:=]\s*|scramLogin\(\w+,\s*)(["'])((?:(?!\1)[^\n\\]|\\.)+)\1/gi;

/** What verifiers look like, whatever they are made from: as bad as passwords. */
const VERIFIERS = [/SCRAM-SHA-256\$\d+:\S+/, /\bmd5[0-9a-f]{32}\b/] as const;

/** Too short, or a word that lines may have for good reasons: nothing can be concluded from it. */
const MEANINGLESS = /^(?:.{0,4}|postgres|wrong)$/;

/** Words of ours in which a test's password is no secret. */
const PHRASES = ["name, secret and valid_until"] as const;

/** The passwords that the source of a test names. */
export function secretsIn(source: string): readonly string[] {
  const found = Array.from(source.matchAll(ASSIGNED), ([, quote = "", text = ""]) =>
    quote === "`" ? text : unescaped(text),
  );
  return found.filter(
    (text) => !text.includes("${") && !text.includes(":") && !MEANINGLESS.test(text),
  );
}

/** All lines below a folder that have one of them, or a verifier. */
export async function findLeaks(
  directory: string,
  secrets: readonly string[],
): Promise<readonly Leak[]> {
  const words = [...new Set(secrets)].map((text) => ({ text, word: wordOf(text) }));
  const leaks: Leak[] = [];
  for (const name of await readdir(directory)) {
    const text = await Bun.file(join(directory, name)).text();
    for (const line of PHRASES.reduce(without, text).split("\n")) {
      const word = words.find((each) => each.word.test(line))?.text;
      const verifier = VERIFIERS.map((pattern) => pattern.exec(line)?.[0]).find(Boolean);
      const secret = word ?? verifier;
      if (secret !== undefined) leaks.push({ secret, line });
    }
  }
  return leaks;
}

/** As a word of its own: `secret` is neither in `secrets` nor in `public.secret`. */
function wordOf(text: string): RegExp {
  return new RegExp(`(?<![\\w.-])${RegExp.escape(text)}(?![\\w-])`, "u");
}

function without(text: string, phrase: string): string {
  return text.replaceAll(phrase, "...");
}

/** As it is between quotes in a source. */
function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-f]{4})|(.))/gi, (_, code?: string, character = "") =>
    code === undefined ? character : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
