import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";

/** What a result depends on and a reader wants to know: processor, memory, kernel. */
export function describeMachine(): Readonly<Record<string, string | number>> {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: `${type()} ${release()}`,
    system: distribution(),
  };
}

function distribution(): string {
  try {
    const file = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="(.*)"$/m.exec(file)?.[1] ?? "unknown";
  } catch {
    return "unknown"; // Not a Linux that says what it is.
  }
}
