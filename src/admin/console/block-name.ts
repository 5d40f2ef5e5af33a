/** A block among those of all groups. */
export function blockName({ group, block }: { group: string; block: string }): string {
  return `${group}.${block}`;
}
