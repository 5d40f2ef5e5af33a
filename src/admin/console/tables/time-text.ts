/** A moment as PgBouncer writes it: `2026-11-27 04:00:00 UTC`. */
export function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
