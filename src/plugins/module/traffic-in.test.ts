import { expect, test } from "bun:test";
import { trafficPayload } from "../../hooks/index.ts";
import { trafficIn } from "./traffic-in.ts";

const ends = { local: "a", remote: "b" };
const request = new Uint8Array([1]);
const response = new Uint8Array([2]);

test.each([
  { client: ends, server: ends, request, partial: false },
  { client: ends, server: ends, request, response, partial: false },
  { client: ends, server: ends, request, response, partial: true },
])("traffic is found in its payload: %#", (traffic) => {
  expect(trafficIn(trafficPayload(traffic))).toEqual(traffic);
});

test.each([
  { ...trafficPayload({ client: ends, server: ends, request }), more: 1 },
  { ...trafficPayload({ client: ends, server: ends, request, response }), more: 1 },
  { ...trafficPayload({ client: ends, server: ends, request }), error: "lost" },
  { ...trafficPayload({ client: ends, server: ends, request }), request: "text" },
  { ...trafficPayload({ client: ends, server: ends, request }), response: "text" },
  { ...trafficPayload({ client: ends, server: ends, request }), partial: "yes" },
  { ...trafficPayload({ client: ends, server: ends, request }), client: { local: 1, remote: 2 } },
  { connections: 1 },
])("anything else is no traffic: %#", (payload) => {
  expect(trafficIn(payload)).toBeUndefined();
});
