import { expect, test } from "bun:test";
import { findRelease } from "./release.ts";

/** What is found where the interface answers so. */
async function found(answer: () => Response): Promise<unknown> {
  using server = {
    listening: Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer }),
    [Symbol.dispose]() {
      void this.listening.stop(true);
    },
  };
  const source = { account: "org", repository: "plugin", version: "latest" };
  const place = {
    baseUrl: `http://127.0.0.1:${server.listening.port}`,
    signal: new AbortController().signal,
  };
  return await findRelease({ kind: "release", ...source }, "linux/amd64", place);
}

const release = (url: string) => () =>
  Response.json({
    tag_name: "v1",
    assets: [
      { name: "plugin-linux-amd64-v1.tar.gz", browser_download_url: url },
      { name: "checksums.txt", browser_download_url: "https://example.com/checksums.txt" },
    ],
  });

test("a release is found by the addresses that are told", async () => {
  expect(await found(release("https://example.com/a"))).toMatchObject({
    tag: "v1",
    archive: { url: "https://example.com/a" },
  });
});

test.each(["file:///etc/passwd", "data:,x", "blob:x", "nowhere"])(
  "an archive is not taken from %p",
  async (url) => {
    await expect(found(release(url))).rejects.toThrow("at no address of the web");
  },
);

test("an answer that does not end is given up", async () => {
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20)),
      }),
    );
  await expect(found(endless)).rejects.toThrow("is longer than");
});
