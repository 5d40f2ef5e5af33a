/** When a schedule does its work first, under GatewayD's name for it: in seconds since 1970. */
export function startDelay(periodMs: number): number {
  return Math.round((Date.now() + periodMs) / 1000);
}
