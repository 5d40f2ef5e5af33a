import { expect, test } from "bun:test";
import { MultiplexedKit } from "../../../tests/fixtures/multiplexed.ts";
import { told } from "../../../tests/fixtures/session.ts";
import { backend, frontend } from "../../../tests/fixtures/wire/index.ts";

const RUN = Buffer.concat([frontend.bind("", "s"), frontend.execute(), frontend.sync()]);
const ANSWER = Buffer.concat([
  backend.bindComplete(),
  backend.dataRow("answer"),
  backend.commandComplete("SELECT 1"),
  backend.ready(),
]);

/** A backend that says of a statement that all clients have prepared: it is not there. */
async function lostOne(count: number) {
  const kit = await new MultiplexedKit({ size: 1 }).fill();
  const clients = kit.clients(count);
  for (const client of clients) {
    await kit.say(client, frontend.parse("select 1", "s"), frontend.sync());
    await kit.answer(kit.at(), backend.parseComplete(), backend.ready());
    client.heard.take();
  }
  const name = /_gatewayd_\d+/.exec(kit.at().heard.text)?.[0] ?? "";
  kit.at().heard.take();
  for (const { connection } of clients) connection.write(RUN);
  await kit.pass(0);
  const sent = Buffer.concat([frontend.bind("", name), frontend.execute(), frontend.sync()]);
  expect(kit.at().heard.take()).toEqual(Buffer.concat(clients.map(() => sent)));
  const error = backend.error("26000", "ERROR", `prepared statement "${name}" does not exist`);
  return { kit, clients, error };
}

test("a prepared statement that the server has lost is prepared again, and nobody is told", async () => {
  const { kit, clients, error } = await lostOne(3);
  const lost = Buffer.concat([error, backend.ready()]);
  await kit.answer(kit.at(), lost, lost, lost);
  expect(kit.at().heard.take().toString("latin1")).toMatch(/^P[^]+_gatewayd_\d+\0select 1/);
  await kit.answer(kit.at(), backend.parseComplete(), ANSWER, ANSWER, ANSWER);
  expect(clients.map(({ heard }) => told(heard.take()))).toEqual(clients.map(() => "2 D C Z"));
  await kit.expectClean();
});

test("a Sync behind what is prepared again has its answer behind that one's", async () => {
  const { kit, clients, error } = await lostOne(1);
  const query = frontend.query("select 2");
  for (const client of clients) await kit.say(client, frontend.sync());
  await kit.answer(kit.at(), error, backend.ready());
  for (const client of clients) await kit.say(client, query);
  expect(kit.at().heard.take().subarray(-query.length)).toEqual(query);
  await kit.answer(kit.at(), backend.parseComplete(), ANSWER, backend.ready(), backend.rows("2"));
  expect(clients.map(({ heard }) => told(heard.take()))).toEqual(["2 D C Z Z T D C Z"]);
  await kit.expectClean();
});

test("a client that has sent its last byte hears what is prepared again", async () => {
  const { kit, clients, error } = await lostOne(1);
  for (const { connection } of clients) connection.shutdown();
  await kit.answer(kit.at(), error, backend.ready());
  await kit.answer(kit.at(), backend.parseComplete(), ANSWER);
  expect(clients.map(({ heard }) => told(heard.take()))).toEqual(["2 D C Z"]);
  await kit.expectClean();
});

test("a cancel request counts though its unit was about to be prepared again", async () => {
  const { kit, clients, error } = await lostOne(2);
  await kit.answer(kit.at(), error);
  await clients[0]?.session.cancel();
  await kit.answer(kit.at(), backend.ready(), ANSWER);
  expect(clients.map(({ heard }) => told(heard.take()))).toEqual(["E ERROR 57014 Z", "2 D C Z"]);
  expect(kit.at().heard.take()).toEqual(Buffer.alloc(0));
  await kit.expectClean();
});
