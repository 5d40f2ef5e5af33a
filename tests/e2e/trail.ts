import { Client } from "pg";
import { type GatewaydProcess, waitFor } from "../kit/index.ts";

/** A client of a gateway whose plugins add their names to `'trail:...'` in a query. */
export async function connect({ host, port }: GatewaydProcess): Promise<Client> {
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  // A gateway that ends because its test has failed would be told of in place of the reason.
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Which plugins a query has gone by, by their names; an SQLSTATE when it was refused. */
export async function trail(client: Client): Promise<string> {
  try {
    const { rows } = await client.query<{ seen: string }>("select 'trail:' as seen");
    return rows[0]?.seen.slice("trail:".length) ?? "nothing";
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "string") {
      return error.code;
    }
    throw error;
  }
}

/** Asks until the trail is the expected one; answers with everything else that was seen on the way. */
export async function seenUntil(client: Client, expected: string): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  await waitFor(`the trail ${expected}`, () => trail(client), {
    until: (now) => {
      if (now !== expected) seen.add(now);
      return now === expected;
    },
  });
  return seen;
}
