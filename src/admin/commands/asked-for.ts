/** Which part of a list a request asks for. */
import { GatewayError } from "../../errors.ts";
import type { AdminPort, GroupView } from "../admin-port.ts";

/** @param name undefined: all groups. @throws GatewayError ERR_ADMIN_NOT_FOUND for one that is not there */
export function groupsOf(port: AdminPort, name: string | undefined): readonly GroupView[] {
  const groups = port.groups();
  if (name === undefined) return groups;
  const group = groups.filter((one) => one.group === name);
  if (group.length > 0) return group;
  const known = groups.map((one) => one.group).join(", ");
  throw new GatewayError("ERR_ADMIN_NOT_FOUND", `there is no group "${name}", but: ${known}`);
}

/** Undefined stands for all of them. @throws GatewayError ERR_ADMIN_NOT_FOUND for a group or block that is not there */
export function isAskedFor(
  port: AdminPort,
  group: string | undefined,
  block?: string,
): (one: { readonly group: string; readonly block: string | undefined }) => boolean {
  // That it is there is to be known in any case.
  const groups = group === undefined && block === undefined ? [] : groupsOf(port, group);
  const blocks = groups.flatMap((one) => one.blocks.map((known) => known.block));
  if (block !== undefined && !blocks.includes(block)) {
    const known = blocks.join(", ");
    throw new GatewayError("ERR_ADMIN_NOT_FOUND", `there is no block "${block}", but: ${known}`);
  }
  return (one) =>
    (group === undefined || one.group === group) && (block === undefined || one.block === block);
}

/** @param limit 0: all */
export function firstOf<T>(all: readonly T[], limit: number): readonly T[] {
  return limit > 0 ? all.slice(0, limit) : all;
}
