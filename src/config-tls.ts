// The certificate and the key that TLS is served with: checked before anything listens.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { attempt } from "./attempt.ts";

/** Both PEM. */
export interface TlsIdentity {
  /** The server's certificate, followed by those that lead to the root, if any. */
  readonly cert: string;
  readonly key: string;
}

/** What is wrong with which of the two. */
export type TlsProblem = { readonly of: "cert" | "key"; readonly problem: string };

/** @returns what is wrong, or undefined: the key belongs to the certificate. */
export function checkTlsIdentity({ cert, key }: TlsIdentity): TlsProblem | undefined {
  const certificate = attempt(() => new X509Certificate(cert));
  if (certificate === undefined) {
    return { of: "cert", problem: "is not a PEM certificate" };
  }
  const privateKey: KeyObject | undefined = attempt(() => createPrivateKey(key));
  if (privateKey === undefined) {
    return { of: "key", problem: "is not a PEM private key without passphrase" };
  }
  return certificate.checkPrivateKey(privateKey)
    ? undefined
    : { of: "key", problem: "is not the key of the certificate" };
}
