/** What a run of tests came to. */
export interface TestCounts {
  readonly passed: number;
  /** File and title of each failed test. */
  readonly failed: readonly string[];
  /** File and title of each skipped test; the title says why. */
  readonly skipped: readonly string[];
}

/** Counts the test cases of a JUnit report as `bun test` writes it; an empty report has none. */
export function readJunitReport(xml: string): TestCounts {
  let passed = 0;
  const failed: string[] = [];
  const skipped: string[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(TEST_CASE)) {
    const title = `${attribute(attributes, "file")}: ${attribute(attributes, "name")}`;
    if (body.includes("<skipped")) skipped.push(title);
    else if (body.includes("<failure") || body.includes("<error")) failed.push(title);
    else passed++;
  }
  return { passed, failed, skipped };
}

/** `<testcase .../>` or `<testcase ...>...</testcase>`; in attributes `>` may stand as it is, `"` may not. */
const TEST_CASE = /<testcase((?:\s+[\w-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g;

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
