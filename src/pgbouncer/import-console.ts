/** `admin.console` from `admin_users` and `stats_users`. */
import { formatVerifier } from "../auth/index.ts";
import type { Secret } from "../auth/index.ts";
import { literal } from "./import-databases.ts";
import type { ConfigPart } from "./import-server.ts";
import type { Settings } from "./settings.ts";

const ROLES = [
  ["admin_users", "admin"],
  ["stats_users", "viewer"],
] as const;

/**
 * Undefined if nobody of them can log in to a console that does without passwords.
 * @param secretOf what the users file has of a user
 */
export function importConsole(
  settings: Settings,
  secretOf: (user: string) => Secret | undefined,
): ConfigPart | undefined {
  const isByCertificate = settings.text("auth_type") === "cert";
  const users = new Map<string, ConfigPart>();
  for (const [key, role] of ROLES) {
    const names = (settings.text(key) ?? "").split(",").map((name) => name.trim());
    for (const name of names) {
      if (name === "" || users.has(name)) continue;
      const proof = isByCertificate ? { certificate: literal(name) } : verifierOf(secretOf(name));
      if (proof === undefined) {
        const message = `${name} has no SCRAM verifier in the auth_file`;
        settings.note(key, `${message}; nearest: admin.console.users`);
      } else {
        users.set(name, { name: literal(name), role, ...proof });
      }
    }
  }
  return users.size === 0 ? undefined : { console: { users: [...users.values()] } };
}

function verifierOf(secret: Secret | undefined): ConfigPart | undefined {
  if (secret?.kind !== "scram") return undefined;
  return { verifier: literal(formatVerifier(secret.verifier.reveal())) };
}
