/** One condition of a range: `^1.2`, `>=2.0.0`, `1.x`, `*`. */
const CONDITION =
  /^(?:[\^~=]|[<>]=?)?v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;
/** A version by itself; parts that are left out are 0. */
const VERSION = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)$/;

/**
 * Whether a version is one of those wanted: a version by itself stands for it and all later ones, as
 * in GatewayD; anything else is a range as npm has them (`^1.2`, `>=1.0.0 <3`, `1.x || 2.x`); nothing is
 * any version. What is no version and no range matches nothing.
 */
export function isVersionWanted(version: string, wanted: string): boolean {
  const range = wanted.trim();
  if (range === "" || range === "*") return true;
  const actual = toVersion(version);
  if (actual === undefined) return false;
  const lowest = toVersion(range);
  if (lowest !== undefined) return Bun.semver.order(actual, lowest) >= 0;
  // Bun takes a range that it cannot read for any version.
  return isRange(range) && Bun.semver.satisfies(actual, range);
}

function toVersion(text: string): string | undefined {
  const parts = VERSION.exec(text.trim());
  if (parts === null) return undefined;
  const [, major, minor = "0", patch = "0", rest = ""] = parts;
  return `${major}.${minor}.${patch}${rest}`;
}

function isRange(range: string): boolean {
  return range.split("||").every((alternative) => {
    const conditions = alternative
      .trim()
      .replace(" - ", " ")
      .replaceAll(/([<>=~^])\s+/g, "$1");
    return conditions.split(/\s+/).every((condition) => CONDITION.test(condition));
  });
}
