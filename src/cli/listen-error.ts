// Why an address cannot be listened on, for a person. Pure.

import type { ListenSetting } from "../config-values.ts";

/** What is wrong and what is allowed, from the error that listening has ended with. */
export function explainListenError(error: NodeJS.ErrnoException, { address }: ListenSetting): string {
  if ("path" in address) {
    return error.code === "EADDRINUSE"
      ? "something is there already; allowed is a path where nothing is"
      : "it cannot be made; allowed is a path in a directory that exists and that this user may write to";
  }
  switch (error.code) {
    case "EADDRINUSE":
      return "the address is in use; allowed is a free one, or :0 for any free port";
    case "EACCES":
      return "not permitted; allowed is a port above 1023";
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "this machine does not have that address; allowed is one of its own, or 0.0.0.0 for all";
    default:
      return error.message;
  }
}
