import { expect, test } from "bun:test";
import { parseExposition } from "./parse-exposition.ts";

test("families have their help, type and samples", () => {
  const text = `# HELP requests_total Requests,\\nby "code".
# TYPE requests_total counter
requests_total{code="200",path="a\\"b\\\\c\\n"} 1027 1395066363000
requests_total{code="400"}	3
# just a comment

bare 12.47
no_labels {} +Inf
# TYPE latency histogram
latency_bucket{le="0.1"} 1e3
latency_bucket{le="+Inf",} 1001
latency_sum NaN
latency_count 1001
# TYPE size summary
size{quantile="0.5"} .5
size_sum -1.5E-3
size_count 2
# TYPE empty gauge
`;
  const sample = (name: string, labels: [string, string][], value: string) => ({
    name,
    labels,
    value,
  });
  expect(parseExposition(text)).toEqual([
    {
      name: "requests_total",
      help: 'Requests,\\nby "code".',
      type: "counter",
      samples: [
        sample(
          "requests_total",
          [
            ["code", "200"],
            ["path", 'a\\"b\\\\c\\n'],
          ],
          "1027 1395066363000",
        ),
        sample("requests_total", [["code", "400"]], "3"),
      ],
    },
    { name: "bare", help: undefined, type: "untyped", samples: [sample("bare", [], "12.47")] },
    {
      name: "no_labels",
      help: undefined,
      type: "untyped",
      samples: [sample("no_labels", [], "+Inf")],
    },
    {
      name: "latency",
      help: undefined,
      type: "histogram",
      samples: [
        sample("latency_bucket", [["le", "0.1"]], "1e3"),
        sample("latency_bucket", [["le", "+Inf"]], "1001"),
        sample("latency_sum", [], "NaN"),
        sample("latency_count", [], "1001"),
      ],
    },
    {
      name: "size",
      help: undefined,
      type: "summary",
      samples: [
        sample("size", [["quantile", "0.5"]], ".5"),
        sample("size_sum", [], "-1.5E-3"),
        sample("size_count", [], "2"),
      ],
    },
    { name: "empty", help: undefined, type: "gauge", samples: [] },
  ]);
});

test("nothing at all is no family", () => {
  expect(parseExposition("")).toEqual([]);
});

test.each([
  ["a 1", "the last line is not complete"],
  ["a\n", "line 1: neither a comment nor a sample"],
  ["ok 1\n<html>\n", "line 2: neither a comment nor a sample"],
  ["a one\n", 'line 1: "one" is no value'],
  ["a 1 1.5\n", "line 1: neither a comment nor a sample"],
  ["a 1\r\n", "line 1: neither a comment nor a sample"],
  ["2a 1\n", "line 1: neither a comment nor a sample"],
  ["a.5\n", "line 1: neither a comment nor a sample"],
  ["a{b} 1\n", 'line 1: no label at "b} 1"'],
  ['a{b="c\\d"} 1\n', "no label at"],
  ['a{b="c" d="e"} 1\n', "no label at"],
  ['a{b="c"\n', "no label at"],
  ['a{b="c",\n', "no label at"],
  [`a{b="${"c".repeat(70_000)}"} 1\n`, "line 1: longer than 65536 characters"],
  ['a{b="c",b="d"} 1\n', "line 1: the label b is there twice"],
  ['a{b="c",d="e"} 1\na{d="e",b="c"} 2\n', "line 2: a is there twice with the same labels"],
  ["# TYPE a\n", 'line 1: "" is no type of a metric'],
  ["# TYPE\n", "line 1: HELP and TYPE need the name of a metric"],
  ["# TYPE a number\n", 'line 1: "number" is no type of a metric'],
  ["# TYPE a gauge\n# TYPE a gauge\n", "line 2: a has two TYPE lines"],
  ["# HELP a x\n# HELP a y\n", "line 2: a has two HELP lines"],
  ["a 1\n# TYPE a gauge\n", "line 2: the TYPE of a comes after its samples"],
])("%j is an error", (text, message) => {
  expect(() => parseExposition(text)).toThrow(message);
});

/** As long as a line may be. */
const LONG = 60_000;

test.each([
  ["a value", `a ${"1".repeat(LONG)}x\n`],
  ["braces", `a{${"}".repeat(LONG)} x y\n`],
  ["labels", `a{${Array.from({ length: LONG / 10 }, (_, index) => `l${index}=""`).join(",")}}\n`],
  ["spaces", `a${" ".repeat(LONG)}b${" ".repeat(LONG / 100)}c\n`],
  ["escapes", `a{b="${String.raw`\\`.repeat(LONG / 2)}\n`],
  ["underscores", `${"_".repeat(LONG)} 1 1 1\n`],
])("a line of %s is read as fast as it is long", (_, line) => {
  const startedAt = performance.now();
  expect(() => parseExposition(line)).toThrow("line 1");
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});
