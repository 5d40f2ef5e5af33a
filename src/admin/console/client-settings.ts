/** The settings of a console's connection that drivers look at and set. None changes what the console does. */
import { GatewayError } from "../../errors.ts";

interface ClientSetting {
  readonly value: string;
  /** Told at login, and whenever it changes (GUC_REPORT). */
  readonly isReported?: boolean;
  /** The only values it may be set to, in lower case. */
  readonly only?: readonly string[];
}

const UTF8 = ["utf8", "utf-8", "unicode"];

const SETTINGS: Readonly<Record<string, ClientSetting>> = {
  application_name: { value: "", isReported: true },
  client_encoding: { value: "UTF8", isReported: true, only: UTF8 },
  client_min_messages: { value: "notice" },
  datestyle: { value: "ISO, MDY", isReported: true },
  default_transaction_isolation: { value: "read committed" },
  default_transaction_read_only: { value: "off", isReported: true },
  extra_float_digits: { value: "1" },
  idle_in_transaction_session_timeout: { value: "0" },
  integer_datetimes: { value: "on", isReported: true, only: ["on"] },
  intervalstyle: { value: "postgres", isReported: true },
  is_superuser: { value: "off", isReported: true, only: [] },
  lock_timeout: { value: "0" },
  search_path: { value: "" },
  server_encoding: { value: "UTF8", isReported: true, only: [] },
  standard_conforming_strings: { value: "on", isReported: true, only: ["on", "true", "1", "yes"] },
  statement_timeout: { value: "0" },
  timezone: { value: "UTC", isReported: true },
  transaction_isolation: { value: "read committed" },
};

/** Names that PostgreSQL reports with capital letters. */
const SPELLINGS: Readonly<Record<string, string>> = {
  datestyle: "DateStyle",
  intervalstyle: "IntervalStyle",
  timezone: "TimeZone",
};

export class ClientSettings {
  readonly #own: Readonly<Record<string, string>>;
  readonly #values = new Map<string, string>();

  /** @param own values that are the console's alone, such as its `server_version` */
  constructor(own: Readonly<Record<string, string>>, applicationName: string | undefined) {
    this.#own = own;
    if (applicationName !== undefined) this.#values.set("application_name", applicationName);
  }

  /** Undefined: there is no such setting. */
  find(key: string): string | undefined {
    const name = key.toLowerCase();
    if (Object.hasOwn(this.#own, name)) return this.#own[name];
    if (!Object.hasOwn(SETTINGS, name)) return undefined;
    return this.#values.get(name) ?? SETTINGS[name]?.value;
  }

  /** What the client is told at login. */
  reported(): readonly (readonly [name: string, value: string])[] {
    const reported = Object.entries(SETTINGS).filter(([, { isReported }]) => isReported === true);
    const usual = reported.map(([name]) => [spelled(name), this.find(name) ?? ""] as const);
    return [...usual, ...Object.entries(this.#own)];
  }

  /**
   * @returns false if there is no such setting
   * @throws GatewayError ERR_ADMIN_INVALID for a value that it cannot have
   */
  set(key: string, value: string): boolean {
    const setting = Object.hasOwn(SETTINGS, key) ? SETTINGS[key] : undefined;
    if (setting === undefined) return false;
    if (setting.only !== undefined) {
      if (setting.only.includes(value.toLowerCase())) return true;
      throw new GatewayError("ERR_ADMIN_INVALID", `${key} is always ${setting.value} here`);
    }
    this.#values.set(key, value);
    return true;
  }

  /** @param key undefined: all of them. @returns false if there is no such setting */
  reset(key: string | undefined): boolean {
    if (key === undefined) this.#values.clear();
    else this.#values.delete(key);
    return key === undefined || Object.hasOwn(SETTINGS, key);
  }

  /** What the client is told when a setting has changed; undefined where it is told nothing. */
  reportOf(key: string): readonly [name: string, value: string] | undefined {
    if (SETTINGS[key]?.isReported !== true) return undefined;
    return [spelled(key), this.find(key) ?? ""];
  }
}

function spelled(name: string): string {
  return SPELLINGS[name] ?? name;
}
