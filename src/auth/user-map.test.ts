import { expect, test } from "bun:test";
import { isCertificateOf } from "./user-map.ts";

test("without a map one of the certificate's names must be the user", () => {
  expect(isCertificateOf("anna", ["anna"], undefined)).toBe(true);
  expect(isCertificateOf("anna", ["host", "anna"], undefined)).toBe(true);
  expect(isCertificateOf("anna", ["Anna", "anna@example.com"], undefined)).toBe(false);
  expect(isCertificateOf("", [], undefined)).toBe(false);
});

test("with a map only its entries count", () => {
  const map = [
    { certificate: "anna@example.com", user: "anna" },
    { certificate: "anna@example.com", user: "admin" },
    { certificate: "host", user: "bert" },
  ];
  expect(isCertificateOf("anna", ["anna@example.com"], map)).toBe(true);
  expect(isCertificateOf("admin", ["x", "anna@example.com"], map)).toBe(true);
  expect(isCertificateOf("bert", ["anna@example.com"], map)).toBe(false);
  expect(isCertificateOf("carl", ["carl"], map)).toBe(false);
  expect(isCertificateOf("carl", ["carl"], [])).toBe(false);
});
