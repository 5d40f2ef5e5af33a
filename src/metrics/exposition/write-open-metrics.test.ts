import { expect, test } from "bun:test";
import { parseExposition } from "./parse-exposition.ts";
import { writeOpenMetrics } from "./write-open-metrics.ts";

test("counters lose their ending, bounds are fractions, times are seconds, and there is an end", () => {
  const families = parseExposition(
    '# HELP a_total A "b".\n# TYPE a_total counter\na_total{x="1"} 2 1500\n' +
      '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="0.5"} 0\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n' +
      "bare 1\n",
  );
  expect(writeOpenMetrics(families)).toBe(
    '# TYPE a counter\n# HELP a A \\"b\\".\na_total{x="1"} 2 1.5\n' +
      '# TYPE h histogram\nh_bucket{le="1.0"} 1\nh_bucket{le="0.5"} 0\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n' +
      "# TYPE bare unknown\nbare 1\n# EOF\n",
  );
});

test("a counter that is not called as one is unknown, also if another family has its short name", () => {
  const families = parseExposition(
    "# TYPE a counter\na 1\n# TYPE b_total counter\nb_total 1\n# TYPE b gauge\nb 1\n",
  );
  expect(writeOpenMetrics(families)).toBe(
    "# TYPE a unknown\na 1\n# TYPE b_total unknown\nb_total 1\n# TYPE b gauge\nb 1\n# EOF\n",
  );
});

test("an exemplar stands behind its bucket", () => {
  const exemplar = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", value: 0.4, at: 1_700_000_000.5 };
  const samples = [{ name: "h_bucket", labels: [["le", "0.5"]] as const, value: "1", exemplar }];
  const family = { name: "h", help: undefined, type: "histogram" as const, samples };
  expect(writeOpenMetrics([family])).toContain(
    'h_bucket{le="0.5"} 1 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.4 1700000000.500\n',
  );
});
