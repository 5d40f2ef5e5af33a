/** `servers.<group>.auth`: who may log in, and how. */
import * as z from "zod";
import { note } from "./key-info.ts";
import { boolean, choice, integer, names, notEmpty, text } from "./scalars.ts";

const METHODS = ["trust", "cleartext", "md5", "scram-sha-256", "cert"] as const;

const ruleSchema = z.strictObject({
  from: names()
    .prefault(["*"])
    .describe(
      "Networks that the client connects from, e.g. `10.0.0.0/8` or `::1`; `local`: a Unix socket; `*`: anywhere. Under `proxyProtocol` the address that the header tells counts.",
    ),
  user: names().prefault(["*"]).describe("Users that the client logs in as; `*`: any."),
  database: names().prefault(["*"]).describe("Databases that it asks for; `*`: any."),
  tls: boolean()
    .optional()
    .describe("`true`: only with TLS; `false`: only without; not given: either way."),
  method: choice([...METHODS, "reject"])
    .optional()
    .describe(
      "How the client proves who it is; `reject`: not at all. Not given: by `auth.method`.",
    ),
});

const querySchema = z.strictObject({
  sql: text(notEmpty).describe(
    "Statement with the name of the user as `$1`, run with `search_path = pg_catalog`. It gives one row of name, secret (as in `pg_authid`) and, if wanted, until when it is good; or none.",
  ),
  user: text(notEmpty).describe("User that asks."),
  password: note(text(notEmpty).optional(), { isSecret: true }).describe(
    "Password of `user`; not given: none is needed.",
  ),
  database: text(notEmpty).describe("Database that is asked."),
  block: text(notEmpty)
    .optional()
    .describe("Block whose server is asked. Not given: the only one of the group."),
});

export const authSchema = z.strictObject({
  method: choice(["relay", ...METHODS, "plugin"])
    .prefault("relay")
    .describe(
      "How clients log in. `relay`: at the database server, in mode passthrough. All others: at the gateway, in the pooled modes. `cleartext` only over TLS; `cert`: by a certificate that names the user; `plugin`: a handler of OnTrafficFromClient answers the startup, where connections are logged in ahead by `startupParams`.",
    ),
  usersFile: text(notEmpty)
    .optional()
    .describe("File of users and their passwords: YAML, or PgBouncer's userlist.txt."),
  query: querySchema
    .optional()
    .describe("Looks up users that the users file does not have, on a connection of its own."),
  rules: z
    .array(ruleSchema)
    .optional()
    .describe(
      "Who may connect from where: the first rule that fits decides, and who fits none is refused. Without rules everybody may.",
    ),
  hbaFile: text(notEmpty)
    .optional()
    .describe("File in the form of pg_hba.conf, in place of `rules`."),
  userMap: z
    .array(
      z.strictObject({
        certificate: text(notEmpty).describe(
          "Common name, DNS name or e-mail address in the client's certificate.",
        ),
        user: text(notEmpty).describe("A user that it may log in as."),
      }),
    )
    .optional()
    .describe(
      "For the method `cert`: which certificates are good for which users, and no others. Without it a certificate is good for the users that it names.",
    ),
  allowUnencryptedCleartext: boolean()
    .prefault(false)
    .describe("Lets the method `cleartext` ask for passwords without TLS too."),
  maxConnectionsPerUser: integer({ min: 1 })
    .optional()
    .describe(
      "Clients that may be logged in as one user; more get FATAL 53300. `maxConnections` of a user in the users file wins. Not given: no limit.",
    ),
  maxConnectionsPerDatabase: integer({ min: 1 })
    .optional()
    .describe(
      "Clients that may be logged in to one database, by the name that they give; more get FATAL 53300. Not given: no limit.",
    ),
});
