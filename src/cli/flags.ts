/** The flags that several commands share. */
import type { SwitchFlag, TextFlag } from "./command.ts";

/** `-c`: where the global configuration is. */
export const configFlag: TextFlag = {
  type: "text",
  name: "config",
  short: "c",
  description: "Global configuration file, looked for in ./ and then /etc/",
  defaultText: "gatewayd.yaml",
  valueKind: "file",
};

/** `-p`: where the plugins configuration is. */
export const pluginConfigFlag: TextFlag = {
  type: "text",
  name: "plugin-config",
  short: "p",
  description: "Plugins configuration file, looked for in ./ and then /etc/",
  defaultText: "gatewayd_plugins.yaml",
  valueKind: "file",
};

/** Whether plugins run without a checksum. */
export const devFlag: SwitchFlag = {
  type: "switch",
  name: "dev",
  description: "Development mode: plugins run without a checksum",
  isOnByDefault: false,
};

/** `-f`: whether `init` may replace a file. */
export const forceFlag: SwitchFlag = {
  type: "switch",
  name: "force",
  short: "f",
  description: "Overwrite the file if it exists",
  isOnByDefault: false,
};

/** Taken because existing scripts pass it. */
export const sentryFlag: SwitchFlag = {
  type: "switch",
  name: "sentry",
  description: "Accepted without effect: no error reports are sent anywhere",
  isOnByDefault: true,
};

/** {@link sentryFlag} with the letter that `plugin lint` and `plugin list` give it. */
export const sentryFlagWithLetter: SwitchFlag = { ...sentryFlag, short: "s" };
