// Does the agent's AgentAPI answer, where one is asked?

import { createAgentApi } from "../../collectors/task/index.ts";
import { agentApiUrl } from "../../sources.ts";
import { type Check, inWords, LOCAL_DEADLINE_MS, ok, warning } from "./check.ts";
import type { Subject } from "./subject.ts";

export function agentApiCheck({ config, env }: Subject): Check {
  return {
    name: "agentapi",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async (signal) => {
      const url = agentApiUrl(config, env);
      if (url === undefined) {
        return ok("not asked: --agentapi-url names none");
      }
      const agent = createAgentApi({ url });
      const limit = AbortSignal.any([signal, AbortSignal.timeout(agent.deadlineMs)]);
      const { task, problem: said } = await agent.ask(limit);
      signal.throwIfAborted();
      if (said !== undefined) {
        return warning(inWords(said), "name another address with --agentapi-url, or none");
      }
      if (task !== undefined) {
        return ok(`AgentAPI at ${url} answers`);
      }
      const found = `nothing listens at ${url}`;
      return config.agentapiUrl === undefined
        ? ok(`${found}: the agent may not have been started`)
        : warning(found, "start the agent behind AgentAPI, or leave --agentapi-url out");
    },
  };
}
