/** What has to be known of a time zone to write a time. */

export interface TimeZone {
  /** Minutes ahead of UTC at that moment (milliseconds since 1970). */
  offsetMinutes(timeMs: number): number;
  /** Such as `UTC`, `CET`, `PDT`; where no name is known, the offset: `+0530`, `-03`. */
  abbreviation(timeMs: number): string;
}

/** The time zone of this machine, or of the environment variable TZ. */
export const localTimeZone: TimeZone = {
  offsetMinutes,
  abbreviation: (timeMs) => zoneAbbreviation(timeMs, offsetMinutes(timeMs)),
};

function offsetMinutes(timeMs: number): number {
  // Turned around by subtraction: a minus sign would make the offset of UTC a negative zero.
  return 0 - new Date(timeMs).getTimezoneOffset();
}

/** @param timeZone an IANA name; the local zone when left out */
export function zoneAbbreviation(timeMs: number, offset: number, timeZone?: string): string {
  // Each English knows the names of its own part of the world and writes GMT+1 for the others.
  for (const locale of ["en-US", "en-GB", "en-AU", "en-IN"]) {
    const format = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "short" });
    const name = format.formatToParts(timeMs).find(({ type }) => type === "timeZoneName")?.value;
    if (name !== undefined && !/\d/.test(name)) return name;
  }
  const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, "0");
  const minutes = Math.abs(offset) % 60;
  const tail = minutes === 0 ? "" : String(minutes).padStart(2, "0");
  return `${offset < 0 ? "-" : "+"}${hours}${tail}`;
}
