/** The names that `consoleTimeFormat` knows, which are those of Go's package time, and their form. */
import type { TimeZone } from "./time-zone.ts";

/** Written as Go does it: how the moment 2006-01-02 15:04:05, 7 hours behind UTC, would look. */
const LAYOUTS = {
  Layout: "01/02 03:04:05PM '06 -0700",
  ANSIC: "Mon Jan _2 15:04:05 2006",
  UnixDate: "Mon Jan _2 15:04:05 MST 2006",
  RubyDate: "Mon Jan 02 15:04:05 -0700 2006",
  RFC822: "02 Jan 06 15:04 MST",
  RFC822Z: "02 Jan 06 15:04 -0700",
  RFC850: "Monday, 02-Jan-06 15:04:05 MST",
  RFC1123: "Mon, 02 Jan 2006 15:04:05 MST",
  RFC1123Z: "Mon, 02 Jan 2006 15:04:05 -0700",
  RFC3339: "2006-01-02T15:04:05Z07:00",
  RFC3339Nano: "2006-01-02T15:04:05.999999999Z07:00",
  Kitchen: "3:04PM",
  Stamp: "Jan _2 15:04:05",
  StampMilli: "Jan _2 15:04:05.000",
  StampMicro: "Jan _2 15:04:05.000000",
  StampNano: "Jan _2 15:04:05.000000000",
} as const;

/** The name of a form of time. */
export type TimeLayout = keyof typeof LAYOUTS;

const ELEMENT =
  /Monday|Mon|MST|Jan|2006|01|02|03|04|05|06|15|_2|3|PM|-0700|Z07:00|\.0{9}|\.0{6}|\.0{3}|\.9{9}/g;

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** The moment (milliseconds since 1970) in the form of that name, as Go would write it. */
export function formatTime(layout: TimeLayout, timeMs: number, zone: TimeZone): string {
  const offsetMinutes = zone.offsetMinutes(timeMs);
  // A date whose UTC is the zone's local time.
  const local = new Date(timeMs + offsetMinutes * 60_000);
  return LAYOUTS[layout].replace(ELEMENT, (element) => {
    switch (element) {
      case "Monday":
        return DAYS[local.getUTCDay()] ?? "";
      case "Mon":
        return DAYS[local.getUTCDay()]?.slice(0, 3) ?? "";
      case "Jan":
        return MONTHS[local.getUTCMonth()] ?? "";
      case "2006":
        return padded(local.getUTCFullYear(), 4);
      case "06":
        return padded(local.getUTCFullYear() % 100);
      case "01":
        return padded(local.getUTCMonth() + 1);
      case "02":
        return padded(local.getUTCDate());
      case "_2":
        return String(local.getUTCDate()).padStart(2, " ");
      case "15":
        return padded(local.getUTCHours());
      case "03":
        return padded(local.getUTCHours() % 12 || 12);
      case "3":
        return String(local.getUTCHours() % 12 || 12);
      case "04":
        return padded(local.getUTCMinutes());
      case "05":
        return padded(local.getUTCSeconds());
      case "PM":
        return local.getUTCHours() < 12 ? "AM" : "PM";
      case "MST":
        return zone.abbreviation(timeMs);
      case "-0700":
        return formatOffset(offsetMinutes, "");
      case "Z07:00":
        return offsetMinutes === 0 ? "Z" : formatOffset(offsetMinutes, ":");
      case ".999999999":
        return formatFraction(local, 9).replace(/\.?0+$/, "");
      default:
        return formatFraction(local, element.length - 1);
    }
  });
}

function formatOffset(offsetMinutes: number, separator: string): string {
  const minutes = Math.abs(offsetMinutes);
  const sign = offsetMinutes < 0 ? "-" : "+";
  return `${sign}${padded(Math.floor(minutes / 60))}${separator}${padded(minutes % 60)}`;
}

function formatFraction(date: Date, digits: number): string {
  return `.${padded(date.getUTCMilliseconds(), 3).padEnd(digits, "0")}`;
}

function padded(value: number, digits = 2): string {
  return String(value).padStart(digits, "0");
}
