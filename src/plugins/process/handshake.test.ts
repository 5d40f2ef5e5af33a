import { beforeAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { GatewayError } from "../../errors.ts";
import { makeClientCertificate } from "./client-certificate.ts";
import { parseHandshake } from "./handshake.ts";

describe("a handshake", () => {
  let certificate: X509Certificate;
  let base64 = "";

  beforeAll(async () => {
    certificate = new X509Certificate((await makeClientCertificate()).certificate);
    base64 = certificate.raw.toString("base64").replace(/=+$/, "");
  });

  test.each([
    ["unix|/tmp/plugin123", { path: "/tmp/plugin123" }],
    ["unix|/tmp/a b:1", { path: "/tmp/a b:1" }],
    ["tcp|127.0.0.1:50000", { host: "127.0.0.1", port: 50_000 }],
    ["tcp|[::1]:50001", { host: "::1", port: 50_001 }],
    ["tcp|localhost:1", { host: "localhost", port: 1 }],
  ] as const)("with %s says where the plugin listens", (place, address) => {
    for (const end of ["", "|false", "|true|more", "\r"]) {
      const handshake = parseHandshake(`1|1|${place}|grpc|${base64}${end}`);
      const parsed: object = handshake.address;
      expect(parsed).toEqual(address);
      expect(handshake.certificate.fingerprint256).toBe(certificate.fingerprint256);
    }
  });

  test.each(["unix|", "tcp|:1", "tcp|host:0", "tcp|host:65536", "tcp|::1:5", "udp|host:1", "|"])(
    "with %s is refused",
    (place) => {
      try {
        parseHandshake(`1|1|${place}|grpc|${base64}`);
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError);
        expect(error).toMatchObject({ code: "ERR_PLUGIN_ADDRESS" });
        return;
      }
      throw new Error("it was accepted");
    },
  );

  test("is shown in the error, but not all of it", () => {
    const message = (line: string): string => {
      try {
        parseHandshake(line);
      } catch (error) {
        return error instanceof Error ? error.message : "";
      }
      return "";
    };
    expect(message("Usage: plugin \u001B[1m")).toContain('"Usage: plugin \\u001b[1m"');
    expect(message("x".repeat(10_000)).length).toBeLessThan(300);
  });
});

test("our certificate is of the shape that go-plugin's has", async () => {
  const { key, certificate } = await makeClientCertificate();
  const parsed = new X509Certificate(certificate);
  expect(parsed.subject).toBe("CN=localhost\nO=HashiCorp");
  expect(parsed.issuer).toBe(parsed.subject);
  expect(parsed.subjectAltName).toBe("DNS:localhost");
  expect(parsed.ca).toBe(true);
  expect(parsed.verify(parsed.publicKey)).toBe(true);
  expect(parsed.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  expect(parsed.validFromDate.getTime()).toBeLessThan(Date.now());
  expect(parsed.validToDate.getFullYear()).toBeGreaterThan(new Date().getFullYear() + 25);
  expect(key).toStartWith("-----BEGIN PRIVATE KEY-----\n");
  const other = new X509Certificate((await makeClientCertificate()).certificate);
  expect(other.serialNumber).not.toBe(parsed.serialNumber);
});
