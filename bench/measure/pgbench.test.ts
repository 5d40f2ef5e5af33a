import { expect, test } from "bun:test";
import { percentilesOf } from "./percentiles.ts";
import { parseLatenciesMs, parsePgbench } from "./pgbench.ts";

const REPORT = `pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: <builtin: select only>
scaling factor: 10
query mode: prepared
number of clients: 16
number of threads: 2
maximum number of tries: 1
duration: 5 s
number of transactions actually processed: 170512
number of failed transactions: 3 (0.002%)
latency average = 0.469 ms
initial connection time = 31.404 ms
tps = 34100.519433 (without initial connection time)
`;

test("a report of pgbench gives counts, throughput and latency", () => {
  expect(parsePgbench(REPORT)).toEqual({
    transactions: 170_512,
    failed: 3,
    transactionsPerSecond: 34_100.519433,
    latencyMs: 0.469,
  });
});

test("what is not a report gives nothing", () => {
  expect(parsePgbench("pgbench: error: connection to server failed")).toBeUndefined();
});

test("a log of pgbench gives the latency of each transaction, failed ones left out", () => {
  const log =
    "0 199 2241 0 1175850568 995598\n1 5 failed 0 1175850569 608\n0 200 417 0 1175850569 608\n";
  expect(parseLatenciesMs(log)).toEqual([2.241, 0.417]);
});

test("percentiles are those of the values, and of too few values there are none", () => {
  const values = Array.from({ length: 101 }, (_, index) => 100 - index);
  expect(percentilesOf(values)).toEqual({ p50: 50, p95: 95, p99: 99 });
  expect(percentilesOf(values.slice(2))).toBeUndefined();
});
