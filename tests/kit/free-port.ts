import { createServer } from "node:net";

/**
 * A TCP port that was free on 127.0.0.1 a moment ago, chosen by the kernel. For programs that cannot
 * listen on port 0 themselves; they must cope with losing the race for it.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close((error) => {
        if (error) reject(error);
        else if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}
