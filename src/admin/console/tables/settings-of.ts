/** The configuration in effect, looked up by the path of a key. */
import type { Asking } from "../asker.ts";

export type SettingOf = (path: string) => string | undefined;

/** Of gatewayd.yaml. Undefined: the key has no value, not even a default. */
export async function settingsOf(asker: Asking): Promise<SettingOf> {
  const { settings } = await asker.ask("listSettings", {});
  const values = new Map(
    settings
      .filter(({ file }) => file === "gatewayd.yaml")
      .map(({ path, value }) => [path, value] as const),
  );
  return (path) => values.get(path);
}
