// A certificate for this machine's loopback, made for one test run.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "selfsigned";
import { temporaryDirectory } from "./repository.ts";

export interface TestCertificate {
  /** PEM, also what clients are to trust. */
  readonly cert: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** For localhost, 127.0.0.1 and ::1. @param directory where its files are made; default: one that is removed with the test. */
export async function createCertificate(directory = temporaryDirectory()): Promise<TestCertificate> {
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  });
  const certFile = join(directory, "cert.pem");
  const keyFile = join(directory, "key.pem");
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  return { cert, certFile, keyFile };
}
