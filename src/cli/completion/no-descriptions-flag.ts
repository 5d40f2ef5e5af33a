import type { SwitchFlag } from "../command.ts";

/** Whether completion shows names alone. */
export const noDescriptionsFlag: SwitchFlag = {
  type: "switch",
  name: "no-descriptions",
  description: "Complete without descriptions",
  isOnByDefault: false,
};
