import type { SwitchFlag, TextFlag } from "./command.ts";

/** The flags and free arguments a command was given. Flags are read by their declaration. */
export class ParsedArguments {
  /** Free arguments, in order. */
  readonly operands: readonly string[];
  readonly #texts: ReadonlyMap<string, string>;
  readonly #switches: ReadonlyMap<string, boolean>;

  constructor(
    operands: readonly string[],
    texts: ReadonlyMap<string, string>,
    switches: ReadonlyMap<string, boolean>,
  ) {
    this.operands = operands;
    this.#texts = texts;
    this.#switches = switches;
  }

  /** The value given, the last one if there are several; undefined if none was. */
  text(flag: TextFlag): string | undefined {
    return this.#texts.get(flag.name);
  }

  /** Whether the switch is on, by the command line or by default. */
  isOn(flag: SwitchFlag): boolean {
    return this.#switches.get(flag.name) ?? flag.isOnByDefault;
  }

  /** Whether the command line names the flag, with whatever value. */
  isGiven(flag: TextFlag | SwitchFlag): boolean {
    return this.#texts.has(flag.name) || this.#switches.has(flag.name);
  }
}
