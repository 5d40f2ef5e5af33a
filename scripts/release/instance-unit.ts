/** The systemd unit of which several run at once: while one gateway takes over from another both do. */

const CHANGES: readonly (readonly [from: string, to: string])[] = [
  [
    "Description=Gateway between PostgreSQL clients and servers\n",
    "# Two of them, in turns: start one, stop the other. Needs `reusePort: true`; see docs/operations.md.\n" +
      "Description=Gateway between PostgreSQL clients and servers (%i)\n",
  ],
  [
    "EnvironmentFile=-/etc/default/gatewayd\n",
    "EnvironmentFile=-/etc/default/gatewayd\nEnvironmentFile=-/etc/default/gatewayd-%i\n",
  ],
  // Else the one that stops would take away the sockets of the other.
  ["RuntimeDirectory=gatewayd\n", "RuntimeDirectory=gatewayd\nRuntimeDirectoryPreserve=yes\n"],
];

/**
 * `gatewayd@.service`, made of `gatewayd.service`.
 * @throws Error when that does not have what is to be changed
 */
export function instanceUnit(unit: string): string {
  let changed = unit;
  for (const [from, to] of CHANGES) {
    if (changed.split(from).length !== 2) throw new Error(`the unit does not have once: ${from}`);
    changed = changed.replace(from, to);
  }
  return changed;
}
