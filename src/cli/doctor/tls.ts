// Is the certificate one that clients will accept?

import { X509Certificate } from "node:crypto";
import { type Check, LOCAL_DEADLINE_MS, ok, problem, warning } from "./check.ts";
import { type Subject, wrongAbout } from "./subject.ts";

const DAY_MS = 86_400_000;

/** Whoever renews certificates by hand wants to know this long before. In days. */
const SOON_DAYS = 14;

const RENEW = "renew the certificate; the server takes it over at SIGHUP";

export function tlsCheck(subject: Subject): Check {
  const { config, now } = subject;
  return {
    name: "tls",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async () => {
      const wrong = wrongAbout(subject, "tlsCert", "tlsKey");
      if (wrong !== undefined) {
        return problem(wrong, "the server does not start with this");
      }
      if (config.tls === undefined) {
        return ok("not set: cleartext");
      }
      const { validFromDate, validToDate, subjectAltName } = new X509Certificate(config.tls.cert);
      const names = subjectAltName ?? "no names";
      const until = validToDate.toISOString().slice(0, 10);
      if (validFromDate.getTime() > now()) {
        const from = validFromDate.toISOString();
        return problem(`the certificate is valid from ${from} on`, "look at the clock of this machine");
      }
      const leftMs = validToDate.getTime() - now();
      if (leftMs <= 0) {
        return problem(`the certificate has expired on ${until} (${names})`, RENEW);
      }
      const found = `certificate and key fit each other; valid until ${until} (${names})`;
      const days = Math.floor(leftMs / DAY_MS);
      return days < SOON_DAYS ? warning(`${found}: that is in ${days} days`, RENEW) : ok(found);
    },
  };
}
