/** Notices when a session may have changed its settings, and how to find out what they are then. */
import { Settings, Trait, settingsQuery } from "../../postgres/index.ts";
import type { StatementTraits } from "../../postgres/index.ts";

/** A session may name so many settings of its own, and be asked for them all. */
const MAX_CUSTOM_NAMES = 1_000;

export class SettingsWatch {
  /** Something may have been set since `begin` or `settle`. */
  isTouched = false;
  /** Something of what the client asked for at its startup may have been reset since. */
  hasReset = false;
  readonly #asked: Settings;
  /** What has been reset; `*` for all that RESET ALL does. */
  readonly #resets = new Set<string>();
  /** Settings with a dot in their name, which the server does not list: beyond those of `asked`. */
  readonly #custom = new Set<string>();

  /**
   * @param asked what the client asked for at its startup: there a RESET goes back to
   * @param present what it has set by now
   */
  constructor(asked: Settings, present: Settings = asked) {
    this.#asked = asked;
    if (present === asked) return;
    for (const name of present.values.keys()) if (isCustom(name)) this.#custom.add(name);
  }

  /** The statements whose answer `settle` takes. */
  get query(): string {
    const asked = [...this.#asked.values.keys()].filter(isCustom);
    return settingsQuery(new Set([...asked, ...this.#custom]));
  }

  begin(): void {
    this.isTouched = false;
    this.#forgetResets();
  }

  touch(): void {
    this.isTouched = true;
  }

  /**
   * A statement goes to the server.
   * @returns what it sets can be followed
   */
  saw({ flags, settings, resets }: StatementTraits): boolean {
    if ((flags & Trait.Settings) === 0) return true;
    this.isTouched = true;
    for (const name of settings) if (isCustom(name)) this.#custom.add(name);
    for (const name of resets) this.#sawReset(name);
    return this.#custom.size <= MAX_CUSTOM_NAMES;
  }

  /**
   * @param rows name and value of everything that is set
   * @returns the same, and what it has to be brought to: with what was reset as the startup asked for
   */
  settle(rows: readonly (readonly (string | null)[])[]): {
    readonly present: Settings;
    readonly wanted: Settings;
  } {
    const present = new Settings(rows.map(([name, value]) => [name ?? "", value ?? ""] as const));
    const lost = [...this.#asked.values].filter(([name]) => this.#isReset(name, present));
    this.begin();
    return { present, wanted: lost.length === 0 ? present : present.with(lost) };
  }

  /** What has been reset, to be set again as the startup asked for; forgets that. */
  takeResets(): readonly (readonly [name: string, value: string])[] {
    const isAll = this.#resets.has("*");
    const resets = [...this.#asked.values].filter(
      ([name]) => (isAll && name !== "role") || this.#resets.has(name.toLowerCase()),
    );
    this.#forgetResets();
    return resets;
  }

  #forgetResets(): void {
    if (!this.hasReset) return;
    this.hasReset = false;
    this.#resets.clear();
  }

  #sawReset(name: string): void {
    // In lower case: the server writes DateStyle.
    const isAsked = (asked: string): boolean => name === "*" || asked.toLowerCase() === name;
    if (![...this.#asked.values.keys()].some(isAsked)) return;
    this.#resets.add(name);
    this.hasReset = true;
  }

  /** The server knows of nothing to go back to but its own. */
  #isReset(name: string, present: Settings): boolean {
    // SET ROLE NONE is no reset, and RESET ALL none of the role.
    if (name === "role") return !present.values.has(name) && this.#resets.has(name);
    if (!isCustom(name)) return !present.values.has(name);
    // One that the server does not know stays behind empty.
    const isNamed = this.#resets.has("*") || this.#resets.has(name);
    return isNamed && (present.values.get(name) ?? "") === "";
  }
}

function isCustom(name: string): boolean {
  return name.includes(".");
}
