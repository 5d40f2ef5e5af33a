/** The token that the gateway knows the reader by: in this tab until it is closed, and in no address. */
const KEY = "gatewayd.token";

/** What can stand in a header; the gateway has no others. */
const SENDABLE = /^[\x21-\x7e]+$/;

export function storedToken(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

/** @returns false for what no token can be */
export function storeToken(token: string): boolean {
  if (!SENDABLE.test(token)) return false;
  sessionStorage.setItem(KEY, token);
  return true;
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
