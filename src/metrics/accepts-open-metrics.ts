const OPEN_METRICS = "application/openmetrics-text";
/** Versions of it that we do not speak are not meant by a reader that names one. */
const VERSION = /;\s*version\s*=\s*"?([\d.]+)/;

/** Whether the reader of a page would rather have OpenMetrics than Prometheus' own format, by its Accept header. */
export function acceptsOpenMetrics(accept: string): boolean {
  let openMetrics = 0;
  let text = 0;
  for (const range of accept.toLowerCase().split(",")) {
    const [type = ""] = range.trim().split(";");
    const quality = Number(/;\s*q\s*=\s*([\d.]+)/.exec(range)?.[1] ?? 1);
    const version = VERSION.exec(range)?.[1];
    const isSpoken = version === undefined || version === "1.0.0" || version === "0.0.1";
    if (type.trim() === OPEN_METRICS && isSpoken) openMetrics = Math.max(openMetrics, quality);
    else if (type.trim().startsWith("text/plain")) text = Math.max(text, quality);
  }
  return openMetrics > 0 && openMetrics >= text;
}
