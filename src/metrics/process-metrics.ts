/**
 * Figures of the process that are true under Bun: prom-client's own report a heap of gigabytes and no lag there.
 * What only /proc knows is missing where there is none.
 */
import { readFileSync, readdirSync } from "node:fs";
import { heapStats } from "bun:jsc";
import { Buckets, QUERY_BOUNDS } from "./buckets.ts";
import type { Figures } from "./figures.ts";

const MS_PER_S = 1_000;
const US_PER_S = 1_000_000;
const LAG_PERIOD_MS = 500;

export class ProcessMetrics {
  readonly #startedAt = Date.now() / MS_PER_S - process.uptime();
  readonly #version: string;
  readonly #lag = new Buckets(QUERY_BOUNDS);
  #timer: Timer | undefined;

  /** @param version of the gateway */
  constructor(version: string) {
    this.#version = version;
  }

  /** Watches the event loop until {@link stop}. */
  start(): void {
    let dueMs = performance.now() + LAG_PERIOD_MS;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lag.observe(Math.max(0, nowMs - dueMs));
      dueMs = nowMs + LAG_PERIOD_MS;
    }, LAG_PERIOD_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  collect(figures: Figures): void {
    const { user, system } = process.cpuUsage();
    const { heapSize, heapCapacity, objectCount } = heapStats();
    figures.set(
      "gatewayd_build_info",
      {
        version: this.#version,
        runtime: `bun ${Bun.version}`,
        platform: process.platform,
        arch: process.arch,
      },
      1,
    );
    figures.histogram("gatewayd_event_loop_lag_seconds", {}, this.#lag);
    figures.set("gatewayd_heap_size_bytes", {}, heapSize);
    figures.set("gatewayd_heap_capacity_bytes", {}, heapCapacity);
    figures.set("gatewayd_heap_objects", {}, objectCount);
    figures.set("process_cpu_seconds_total", {}, (user + system) / US_PER_S);
    figures.set("process_cpu_user_seconds_total", {}, user / US_PER_S);
    figures.set("process_cpu_system_seconds_total", {}, system / US_PER_S);
    figures.set("process_resident_memory_bytes", {}, process.memoryUsage.rss());
    figures.set("process_start_time_seconds", {}, this.#startedAt);
    if (process.platform === "linux") collectFromProc(figures);
  }
}

function collectFromProc(figures: Figures): void {
  const status = readFileSync("/proc/self/status", "latin1");
  const limits = readFileSync("/proc/self/limits", "latin1");
  const virtualKb = Number(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1]);
  const maxFds = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  figures.set("process_virtual_memory_bytes", {}, virtualKb * 1024);
  // Without the one that reads the directory.
  figures.set("process_open_fds", {}, readdirSync("/proc/self/fd").length - 1);
  figures.set("process_max_fds", {}, maxFds);
}
