/** Whose certificate it is: the method `cert`. */

/** A name in certificates, and a user it may log in as. */
export interface UserMapEntry {
  /** Common name, DNS name or e-mail address of the certificate, exactly. */
  readonly certificate: string;
  readonly user: string;
}

/**
 * Whether a certificate with these names is good for a user. Without a map one of the names must be the
 * user's. With one, an entry must say so: the map replaces the rule, as in PostgreSQL.
 */
export function isCertificateOf(
  user: string,
  names: readonly string[],
  map: readonly UserMapEntry[] | undefined,
): boolean {
  if (map === undefined) return names.includes(user);
  return map.some((entry) => entry.user === user && names.includes(entry.certificate));
}
