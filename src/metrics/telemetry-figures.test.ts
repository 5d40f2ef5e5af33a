import { expect, test } from "bun:test";
import { writeText } from "./exposition/index.ts";
import { Figures } from "./figures.ts";
import { collectLogs, collectSpans } from "./telemetry-figures.ts";

function samplesOf(collect: (figures: Figures) => void): readonly string[] {
  const figures = new Figures();
  collect(figures);
  return writeText(figures.families())
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

test("each place of the log has its figures, once", () => {
  const place = { output: "rsyslog", target: "udp:127.0.0.1:514" };
  const samples = samplesOf((figures) =>
    collectLogs(figures, [
      { output: "stdout", target: "", written: 7, dropped: 0 },
      { ...place, written: 3, dropped: 1 },
      { ...place, written: 4, dropped: 2 },
    ]),
  );
  expect(samples.toSorted()).toEqual([
    'gatewayd_log_records_dropped_total{output="rsyslog",target="udp:127.0.0.1:514"} 3',
    'gatewayd_log_records_dropped_total{output="stdout",target=""} 0',
    'gatewayd_log_records_total{output="rsyslog",target="udp:127.0.0.1:514"} 7',
    'gatewayd_log_records_total{output="stdout",target=""} 7',
  ]);
});

test("spans are counted by what became of them", () => {
  const counts = { exported: 5, dropped: 2, failed: 1, queued: 9 };
  expect(samplesOf((figures) => collectSpans(figures, counts)).toSorted()).toEqual([
    "gatewayd_spans_queued 9",
    'gatewayd_spans_total{fate="dropped"} 2',
    'gatewayd_spans_total{fate="exported"} 5',
    'gatewayd_spans_total{fate="failed"} 1',
  ]);
});
