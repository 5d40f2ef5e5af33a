/** The entries of one section, read by name; what cannot be read becomes a note, and counts as not given. */
import type { ImportNote, IniEntry, Place } from "./ini-file.ts";

const TRUE_WORDS = ["1", "yes", "on", "true"];
const FALSE_WORDS = ["0", "no", "off", "false"];

export class Settings {
  readonly notes: ImportNote[];
  readonly #entries: ReadonlyMap<string, IniEntry>;
  readonly #used = new Set<string>();

  /** The last entry of a name counts. */
  constructor(entries: readonly IniEntry[], notes: ImportNote[]) {
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    this.notes = notes;
  }

  /** Text that is not empty. */
  text(name: string): string | undefined {
    this.#used.add(name);
    const value = this.#entries.get(name)?.value;
    return value === "" ? undefined : value;
  }

  /** Text, empty if it is given so. */
  given(name: string): string | undefined {
    this.#used.add(name);
    return this.#entries.get(name)?.value;
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && value >= 0) return value;
    this.note(name, `is no number: ${text}`);
    return undefined;
  }

  /** In the notation of gatewayd.yaml, from seconds. */
  duration(name: string): string | undefined {
    const seconds = this.number(name);
    return seconds === undefined ? undefined : `${seconds}s`;
  }

  isOn(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return undefined;
    if (TRUE_WORDS.includes(text)) return true;
    if (!FALSE_WORDS.includes(text)) this.note(name, `is neither on nor off: ${text}`);
    return false;
  }

  /** Says something about an entry, if it is given. */
  note(name: string, message: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) this.notes.push({ ...placeOf(entry), message: `${name}: ${message}` });
  }

  /** Says why an entry that nobody asked for is not in the result. */
  noteUnused(reasons: ReadonlyMap<string, string>): void {
    for (const name of this.#entries.keys()) {
      if (!this.#used.has(name)) this.note(name, reasons.get(name) ?? "is not known");
    }
  }
}

export function placeOf({ file, line }: Place): Place {
  return { file, line };
}
