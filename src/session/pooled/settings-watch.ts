/** Notices when a session may have changed its settings, and how to find out what they are then. */
import { Settings, Trait, settingsQuery } from "../../postgres/index.ts";
import type { StatementTraits } from "../../postgres/index.ts";

/** A session may name so many settings of its own, and be asked for them all. */
const MAX_CUSTOM_NAMES = 1_000;

export class SettingsWatch {
  #isTouched = false;
  /** Settings with a dot in their name, which the server does not list. */
  readonly #custom = new Set<string>();

  /** Something may have been set since `begin` or `settle`. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  /** The statements whose answer `settle` takes. */
  get query(): string {
    return settingsQuery(this.#custom);
  }

  begin(): void {
    this.#isTouched = false;
  }

  touch(): void {
    this.#isTouched = true;
  }

  /**
   * A statement goes to the server.
   * @returns what it sets can be followed
   */
  saw({ flags, settings }: StatementTraits): boolean {
    if ((flags & Trait.Settings) === 0) return true;
    this.#isTouched = true;
    for (const name of settings) if (name.includes(".")) this.#custom.add(name);
    return this.#custom.size <= MAX_CUSTOM_NAMES;
  }

  /** @param rows name and value of everything that is set */
  settle(rows: readonly (readonly (string | null)[])[]): Settings {
    this.#isTouched = false;
    return new Settings(rows.map(([name, value]) => [name ?? "", value ?? ""] as const));
  }
}
