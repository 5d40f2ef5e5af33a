import { expect, test } from "bun:test";
import { parsePgbench } from "./pgbench.ts";

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
