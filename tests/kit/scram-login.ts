import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { frontendMessage, type ServerMessage, type WireClient } from "./wire-client.ts";

/**
 * Logs in by SCRAM-SHA-256 on a connection whose startup has been sent, and returns all messages of the
 * other side: up to ReadyForQuery, or to the error that ends it.
 */
export async function scramLogin(
  client: WireClient,
  password: string,
): Promise<readonly ServerMessage[]> {
  const offer = await client.message();
  if (offer.type !== "R") return [offer];
  const nonce = randomBytes(18).toString("base64");
  const bare = `n=,r=${nonce}`;
  const first = Buffer.from(`n,,${bare}`);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(first.length);
  client.send(frontendMessage("p", Buffer.concat([Buffer.from("SCRAM-SHA-256\0"), length, first])));
  const challenge = await client.message();
  if (challenge.type !== "R") return [offer, challenge];
  const proof = proofFor(challenge.body.subarray(4).toString(), bare, password);
  client.send(frontendMessage("p", proof));
  const messages = [offer, challenge];
  for (;;) {
    const message = await client.message();
    messages.push(message);
    if (message.type === "E" || message.type === "Z") return messages;
  }
}

/** RFC 5802, client-final-message. */
function proofFor(challenge: string, bare: string, password: string): string {
  const [, nonce = "", salt = "", rounds = ""] =
    /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? [];
  const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(rounds), 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  const withoutProof = `c=biws,r=${nonce}`;
  const signature = hmac(storedKey, `${bare},${challenge},${withoutProof}`);
  const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
  return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
}
