import { describe, expect, test } from "bun:test";
import { toJson } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { GatewayError } from "../../errors.ts";
import { GatewayDAdminAPIService } from "../gen/api/v1/api_pb.ts";
import { AdminService } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import { Transcoder } from "./transcoder.ts";

const transcoder = new Transcoder([
  ...Object.values(GatewayDAdminAPIService.method),
  ...Object.values(AdminService.method),
]);

/** The method's name and what it is called with, or why it is not. */
function call(verb: string, target: string, body = ""): readonly [string, JsonValue] | string {
  const { pathname, searchParams } = new URL(target, "http://gateway");
  try {
    const match = transcoder.match(verb, pathname);
    if (match.kind === "unknown") return "unknown";
    if (match.kind === "otherVerb") return `for ${match.verbs.join(", ")}`;
    const { method } = match.call;
    return [method.name, toJson(method.input, match.call.request(searchParams, body))];
  } catch (thrown) {
    const { code, message } = GatewayError.from(thrown);
    return `${code}: ${message}`;
  }
}

describe("a call over HTTP", () => {
  test("takes fields from the path, the query and the body", () => {
    expect(call("GET", "/v1/GatewayDPluginService/GetPools")).toEqual(["GetPools", {}]);
    expect(call("DELETE", "/v1/raft/peers/node%2F2")).toEqual(["RemovePeer", { peerId: "node/2" }]);
    expect(call("GET", "/v1/GatewayDPluginService/GetGlobalConfig?group_name=a")).toEqual([
      "GetGlobalConfig",
      { groupName: "a" },
    ]);
    expect(call("GET", "/api/v1/pools?group=a")).toEqual(["ListPools", { group: "a" }]);
    expect(call("POST", "/v1/raft/peers", '{"peer_id":"n","grpcAddress":"x:1"}')).toEqual([
      "AddPeer",
      { peerId: "n", grpcAddress: "x:1" },
    ]);
  });

  test("tells unknown paths from other verbs", () => {
    expect(call("GET", "/v1/raft")).toBe("unknown");
    expect(call("GET", "/v1/raft/peers/")).toBe("unknown");
    expect(call("GET", "/v1/raft/peers/a/b")).toBe("unknown");
    expect(call("PUT", "/v1/raft/peers")).toBe("for GET, POST");
  });

  test.each([
    ["a field that is not there", "GET", "/api/v1/pools?grupo=a", "", 'key "grupo" is unknown'],
    ["a field twice", "GET", "/api/v1/pools?group=a&group=b", "", "group is said twice"],
    ["a body that is no JSON", "POST", "/v1/raft/peers", "{", "the body is not JSON"],
    ["a body that is no object", "POST", "/v1/raft/peers", "[]", "not a JSON object"],
    ["a value of another type", "POST", "/v1/raft/peers", '{"peerId":1}', "INVALID: peer_id: exp"],
    [
      "a word as a number",
      "GET",
      "/api/v1/sessions?limit=x",
      "",
      "INVALID: limit: expected number",
    ],
    ["a body where none is", "POST", "/api/v1/drain", '{"x":1}', "a body is not expected"],
    ["bad encoding", "DELETE", "/v1/raft/peers/%ff", "", "%ff is not encoded"],
  ])("refuses %s", (_, verb, target, body, reason) => {
    const refusal = call(verb, target, body);
    expect(refusal).toStartWith("ERR_ADMIN_INVALID: ");
    expect(refusal).toContain(reason);
  });
});
