/** A time in PgBouncer's two columns: whole seconds, and the microseconds beyond. */
export function secondsAndMicros(ms: number): readonly [seconds: number, micros: number] {
  const micros = Math.round(ms * 1_000);
  return [Math.floor(micros / 1_000_000), micros % 1_000_000];
}
