// Does Coder say what the agent reported to it?

import { coderAccess, createCoder } from "../../collectors/task/index.ts";
import { isCoderWorkspace } from "../../collectors/workspace/index.ts";
import { type Check, inWords, ok, problem, warning } from "./check.ts";
import { nameOf, type Subject, wrongAbout } from "./subject.ts";

/** The question itself ends sooner. In milliseconds. */
const DEADLINE_MS = 6_000;

const USE = "Coder is asked for the state of the agent's task";

export function coderCheck(subject: Subject): Check {
  const { config, env, onSecret } = subject;
  return {
    name: "coder",
    deadlineMs: DEADLINE_MS,
    run: async (signal) => {
      const wrong = wrongAbout(subject, "coderTokenFile");
      if (wrong !== undefined) {
        return problem(wrong, "the server does not start with this");
      }
      const settings = { url: config.coderUrl, tokenFile: config.coderTokenFile, onToken: onSecret };
      const access = coderAccess(settings, env);
      if (access === undefined) {
        return missing(subject);
      }
      const token =
        config.coderTokenFile === undefined
          ? "CODER_SESSION_TOKEN"
          : `${config.coderTokenFile}, named by ${nameOf(subject, "coderTokenFile")}`;
      const found = `${USE} at ${access.url}, with the token in ${token}`;
      const coder = createCoder(access);
      const limit = AbortSignal.any([signal, AbortSignal.timeout(coder.deadlineMs)]);
      const { task, problem: said } = await coder.ask(limit);
      signal.throwIfAborted();
      if (said !== undefined) {
        return problem(`${found}; ${inWords(said)}`, adviceFor(said.reason));
      }
      return ok(`${found}: it answers${task === undefined ? ", and no state was reported" : ""}`);
    },
  };
}

/** Nothing is asked. In a Coder workspace that may be meant otherwise. */
function missing({ config, env }: Subject) {
  const isMeant = config.coderUrl !== undefined || config.coderTokenFile !== undefined;
  if (!isCoderWorkspace(env) && !isMeant) {
    return ok("this is no Coder workspace, and none is asked");
  }
  const lacking = [
    ...(config.coderUrl || env["CODER_URL"] || env["CODER_AGENT_URL"]
      ? []
      : ["its address, in CODER_URL or CODER_AGENT_URL, or by --coder-url"]),
    ...(config.coderTokenFile || env["CODER_SESSION_TOKEN"]
      ? []
      : ["a session token, in CODER_SESSION_TOKEN or by --coder-token-file"]),
    ...(env["CODER_WORKSPACE_ID"] || env["CODER_WORKSPACE_NAME"]
      ? []
      : ["which workspace this is, in CODER_WORKSPACE_ID or CODER_WORKSPACE_NAME"]),
  ];
  const found = `Coder is not asked for the state of the agent's task; missing: ${lacking.join(", ")}`;
  // The task file and AgentAPI say the same and more: without Coder nothing is broken.
  return isMeant
    ? warning(found, "set what is missing; CODER_AGENT_TOKEN, the agent's own, does not do")
    : ok(found);
}

function adviceFor(reason: string): string {
  switch (reason) {
    case "CODER_UNAUTHENTICATED":
      return "make a new session token (coder tokens create); the agent's own (CODER_AGENT_TOKEN) does not do";
    case "CODER_NOT_FOUND":
      return "the token must be of a user who may see this workspace";
    default:
      return "look at the address (--coder-url, CODER_URL, CODER_AGENT_URL) and at the network";
  }
}
