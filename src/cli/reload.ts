// What SIGHUP does to a server: settings and the files that they name are read again, and one line of the log says what came of it.

import type { ConfigInput } from "../config.ts";
import { type LoadedConfig, type Reread, rereadConfig } from "../config-reload.ts";
import type { Logger } from "../observability/log.ts";
import type { FleetMetadataServer } from "../server.ts";

export interface ReloadOptions {
  /** Where settings come from. */
  readonly input: ConfigInput;
  /** The settings that the server was made with. */
  readonly loaded: LoadedConfig;
  readonly server: Pick<FleetMetadataServer, "reload">;
  readonly log: Logger;
  /** Is told of tokens before they are used: the log must not repeat them. */
  readonly learn: (secret: string) => void;
}

/** @returns what is to be called at each signal. Reloads come one after the other, and none ends the server. */
export function createReload({ input, log, server, learn, ...options }: ReloadOptions): () => void {
  let { loaded } = options;
  let last: Promise<void> = Promise.resolve();

  const reload = async (): Promise<void> => {
    const reread = rereadConfig(input, loaded);
    const { config, resolved } = reread.loaded;
    for (const secret of [config.token, config.github.token]) {
      if (secret !== undefined) {
        learn(secret);
      }
    }
    log.level = config.logLevel;
    const { isOtherGitHubToken, problem } = await server.reload(config);
    loaded = reread.loaded;
    const tokenFile = resolved.get("githubTokenFile")?.name ?? "";
    const isNews = isOtherGitHubToken && config.github.tokenFile !== undefined;
    say(log, {
      ...reread,
      changed: isNews ? [...new Set([...reread.changed, tokenFile])] : reread.changed,
      refused: problem === undefined ? reread.refused : [...reread.refused, problem],
    });
  };

  return () => {
    last = last.then(reload).catch((error: unknown) => {
      log.error({ err: error }, "the settings could not be read again");
    });
  };
}

function say(log: Logger, { changed, waiting, refused }: Omit<Reread, "loaded">): void {
  const parts = [
    ["now in force", changed.join(", ")],
    ["in force after a restart", waiting.join(", ")],
    ["wrong, and left as it was", refused.join("; ")],
  ].filter(([, what]) => what !== "");
  const what = parts.length === 0 ? ["nothing has changed"] : parts.map((part) => part.join(": "));
  const level = refused.length > 0 || waiting.length > 0 ? "warn" : "info";
  log[level]({ changed, waiting, refused }, `the settings were read again; ${what.join("; ")}`);
}
