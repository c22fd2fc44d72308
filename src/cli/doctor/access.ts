// Who can connect, and is a token asked for?

import { ConfigError, requireSafeListener } from "../../config.ts";
import { type Check, LOCAL_DEADLINE_MS, ok, problem, warning } from "./check.ts";
import { type Subject, wrongAbout } from "./subject.ts";

const MAKE_A_TOKEN = "make one: openssl rand -hex 32 > FILE, and name it with --token-file";

export function accessCheck(subject: Subject): Check {
  const { config, resolved } = subject;
  return {
    name: "access",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async () => {
      const wrong = wrongAbout(subject, "token", "tokenFile");
      if (wrong !== undefined) {
        return problem(wrong, "the server does not start with this");
      }
      try {
        requireSafeListener(config);
      } catch (error) {
        if (error instanceof ConfigError) {
          return problem(error.message, MAKE_A_TOKEN);
        }
        throw error;
      }
      const { listen, token, tls } = config;
      if (!listen.isLoopback) {
        if (token === undefined) {
          return warning(
            `${listen.text}: everybody who can reach this machine may read (--allow-unauthenticated)`,
            MAKE_A_TOKEN,
          );
        }
        return tls === undefined
          ? warning(
              `${listen.text} with a token, but in cleartext: whoever is on the way reads it`,
              "set --tls-cert and --tls-key, or put a proxy with TLS in front",
            )
          : ok(`${listen.text} over TLS, with a token`);
      }
      if (resolved.get("token")?.origin === "flag") {
        return warning(
          "the token is given by --token, which other users see in the list of processes",
          "put it into a file: --token-file",
        );
      }
      if (token !== undefined) {
        return ok(`${listen.text}, this machine only, with a token`);
      }
      return "path" in listen.address
        ? ok(`${listen.text}: whoever may open the socket may read`)
        : ok(`${listen.text}: every user and program of this machine may read, nobody else; no token is set`);
    },
  };
}
