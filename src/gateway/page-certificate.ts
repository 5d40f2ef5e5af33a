/** The certificate of a metrics page. */
import { readKeyPair } from "../config/index.ts";
import type { MetricsConfig } from "../config/index.ts";
import type { FileSource } from "./watched-files.ts";

type KeyPair = ReturnType<typeof readKeyPair>;

/** Undefined for plain HTTP. @throws GatewayError ERR_CONFIG_INVALID while there has been none that can be used */
export type PageCertificate = () => KeyPair | undefined;

/**
 * @param isLenient a certificate that cannot be used is nothing to stop at as long as there has been none: the page
 *   waits for it. Otherwise reading throws GatewayError ERR_CONFIG_INVALID.
 */
export function pageCertificate(
  { certFile, keyFile }: Pick<MetricsConfig, "certFile" | "keyFile">,
  isLenient: boolean,
): FileSource<PageCertificate> {
  if (certFile === "") return { what: WHAT, files: [], read: () => plain, describe: () => ({}) };
  let isWaiting = isLenient;
  return {
    what: WHAT,
    files: [certFile, keyFile],
    read() {
      try {
        const pair = readKeyPair(certFile, keyFile);
        isWaiting = false;
        return () => pair;
      } catch (thrown) {
        if (!isWaiting) throw thrown;
        return () => {
          throw thrown;
        };
      }
    },
    describe: () => ({ certFile }),
  };
}

/** It is waited for. */
export function isMissing(certificate: PageCertificate): boolean {
  try {
    certificate();
    return false;
  } catch {
    return true;
  }
}

const WHAT = "TLS certificates of the metrics page";

const plain: PageCertificate = () => undefined;
