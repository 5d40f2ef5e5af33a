import { expect, test } from "bun:test";
import { ServerPlace } from "./index.ts";

test("an address that is one needs no name looked up", async () => {
  const place = new ServerPlace({ kind: "tcp", host: "192.0.2.7", port: 5432 });
  expect(place.isKnown).toBe(false);
  await place.find();
  expect(place.isKnown).toBe(true);
  expect(place.address).toBe("192.0.2.7:5432");
});

test("a name is looked up once for all who ask at a time", async () => {
  const place = new ServerPlace({ kind: "tcp", host: "localhost", port: 5432 });
  expect(place.address).toBe("localhost:5432");
  await Promise.all([place.find(), place.find()]);
  expect(place.address).toBe("127.0.0.1:5432");
});

test("where somebody has been counts, whatever was looked up", async () => {
  const place = new ServerPlace({ kind: "tcp", host: "localhost", port: 5432 });
  const finding = place.find();
  place.met("192.0.2.1:5432");
  await finding;
  expect(place.address).toBe("192.0.2.1:5432");
  place.met("192.0.2.2:5432");
  expect(place.address).toBe("192.0.2.2:5432");
});

test("a name that stands for nothing stays as it is configured", async () => {
  const place = new ServerPlace({ kind: "tcp", host: "no-such-name.invalid", port: 5432 });
  await place.find();
  expect(place.isKnown).toBe(false);
  expect(place.address).toBe("no-such-name.invalid:5432");
});

test("a directory of sockets is the socket in it", async () => {
  const place = new ServerPlace({ kind: "unix", path: "/tmp" });
  await place.find();
  expect(place.address).toBe("/tmp/.s.PGSQL.5432");
});
