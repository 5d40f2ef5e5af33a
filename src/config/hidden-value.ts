/** In place of a value that must not be printed. */
export const hidden = "***";

/** A list keeps its length, and environment variables their names. */
export function hiddenItems(items: readonly unknown[]): string[] {
  return items.map((item) => `${/^[^=]+=/.exec(String(item))?.[0] ?? ""}${hidden}`);
}

/** Plain data in which a secret is somewhere: names stay, and no value does. */
export function hiddenLeaves(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hiddenLeaves);
  if (typeof value !== "object" || value === null) return hidden;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, hiddenLeaves(child)]),
  );
}

/** Plain data that nobody has called secret: without passwords of URLs, and values whose names say that they are. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return withoutPasswords(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      typeof child === "string" ? shownText(name, child) : withoutSecrets(child),
    ]),
  );
}

/** What a plugin says of its own settings, likewise. */
export function shownSettings(
  settings: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, text]) => [name, shownText(name, text)]),
  );
}

function shownText(name: string, text: string): string {
  return text !== "" && SECRET_NAME.test(name) ? hidden : withoutPasswords(text);
}

/** A text without the passwords of the URLs in it. */
export function withoutPasswords(text: string): string {
  return text.replace(PASSWORD_OF_URL, hidden);
}

/** `redis://user:password@host`: what stands between the second colon and the `@`. */
const PASSWORD_OF_URL = /(?<=\b[a-z][a-z\d+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi;

/** `apiKey`, `REDIS_PASSWORD`, `client-secret`; not `keyPrefix` or `passthrough`. */
const SECRET_NAME =
  /passw(?:or)?d|passphrase|secret|token|credential|(?:api|private|access)[_-]?key/i;
