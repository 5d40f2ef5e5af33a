import { describe, expect, test } from "bun:test";
import { BackendWriter, errorResponse } from "../postgres/index.ts";
import { RelayedLogin } from "./relayed-login.ts";

const BOTH = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
const offer = (mechanisms: readonly string[]) =>
  new BackendWriter().authenticationSasl(mechanisms).take();
const OFFER = offer(BOTH);
const UNBOUND_OFFER = offer(["SCRAM-SHA-256"]);
const OK = new BackendWriter().authenticationOk().take();
const NOTICE = new BackendWriter()
  .noticeResponse({ severity: "NOTICE", sqlState: "00000", message: "hello" })
  .take();
const REFUSAL = errorResponse({ severity: "FATAL", sqlState: "28000", message: "no" });
const WRONG_PASSWORD = errorResponse({ severity: "FATAL", sqlState: "28P01", message: "no" });

function loginOf(isClientEncrypted: boolean) {
  let failures = 0;
  const login = new RelayedLogin(isClientEncrypted, () => failures++);
  const push = (...chunks: readonly Uint8Array[]): Buffer =>
    Buffer.concat(chunks.map((chunk) => login.push(chunk)));
  return { login, push, failures: () => failures };
}

const bytesOf = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

describe("a login that is relayed to a server over TLS", () => {
  test("offers no channel binding to a client without TLS, however the offer is cut", () => {
    const whole = bytesOf(NOTICE, OFFER);
    for (let cut = 0; cut <= whole.length; cut++) {
      const { login, push } = loginOf(false);
      const passed = push(whole.subarray(0, cut), whole.subarray(cut));
      expect(passed).toEqual(bytesOf(NOTICE, UNBOUND_OFFER));
      expect(login.isOver).toBe(false);
    }
  });

  test("leaves the offer to a client with TLS as it is", () => {
    expect(loginOf(true).push(OFFER)).toEqual(bytesOf(OFFER));
  });

  test("leaves an offer that would be empty as it is", () => {
    const bound = offer(["SCRAM-SHA-256-PLUS"]);
    expect(loginOf(false).push(bound)).toEqual(bytesOf(bound));
  });

  test("is over with AuthenticationOk: what follows goes on as it comes", () => {
    const { login, push } = loginOf(false);
    expect(push(OFFER, bytesOf(OK, OFFER.subarray(0, 3)))).toEqual(
      bytesOf(UNBOUND_OFFER, OK, OFFER.subarray(0, 3)),
    );
    expect(login.isOver).toBe(true);
  });

  test("is over with a message that is no part of a login", () => {
    for (const head of [Uint8Array.of(82, 0, 1, 0, 0), Uint8Array.of(82, 0, 0, 0, 3)]) {
      const { login, push } = loginOf(false);
      expect(push(NOTICE, head)).toEqual(bytesOf(NOTICE, head));
      expect(login.isOver).toBe(true);
    }
  });

  test.each([
    ["with TLS, by the binding", true, OFFER, REFUSAL, 1],
    ["with TLS, by its password", true, OFFER, WRONG_PASSWORD, 0],
    ["with TLS that was offered no binding", true, UNBOUND_OFFER, REFUSAL, 0],
    ["without TLS", false, OFFER, REFUSAL, 0],
  ] as const)("tells of a client that is refused %s", (_, isEncrypted, first, answer, expected) => {
    const { login, push, failures } = loginOf(isEncrypted);
    push(first);
    expect(push(answer)).toEqual(bytesOf(answer));
    expect([login.isOver, failures()]).toEqual([true, expected]);
  });
});
