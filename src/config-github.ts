// Which GitHub server counts, and where its API is: from the names that gh and Actions use. Pure.

/** The server and its API, as far as they were named. Addresses without a trailing slash. */
export interface NamedGitHub {
  /** `GITHUB_API_URL` */
  readonly apiUrl: string | undefined;
  /** `GITHUB_SERVER_URL` */
  readonly serverUrl: string | undefined;
  /** `GH_HOST` */
  readonly host: string | undefined;
}

/** The server, and the only address that its token is sent to. */
export interface GitHubAddress {
  /** Name of the server, without port. Repositories elsewhere do not count. */
  readonly host: string;
  /** Without a trailing slash. */
  readonly apiUrl: string;
}

const DEFAULT_HOST = "github.com";
const DEFAULT_API = "https://api.github.com";

/**
 * `GH_HOST` outranks `GITHUB_SERVER_URL`. An API that was named beside another server is not that server's, and does not count:
 * otherwise a namesake there would be asked, and with a token that is not meant for it. Undefined: the API that was
 * named is github.com's, and the server is another one.
 */
export function gitHubAddress({ apiUrl, serverUrl, host }: NamedGitHub): GitHubAddress | undefined {
  const serverHost = serverUrl === undefined ? undefined : hostOf(serverUrl);
  const isOverruled = host !== undefined && serverHost !== undefined && host !== serverHost;
  const chosen = host ?? serverHost ?? DEFAULT_HOST;
  const origin = isOverruled || serverUrl === undefined ? `https://${chosen}` : serverUrl;
  const named = isOverruled ? undefined : apiUrl;
  if (named === DEFAULT_API && chosen !== DEFAULT_HOST) {
    return undefined;
  }
  return { host: chosen, apiUrl: named ?? apiOf(chosen, origin) };
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^www\./, "");
}

/** Each kind of GitHub server has its API in a place of its own. */
function apiOf(host: string, origin: string): string {
  if (host === DEFAULT_HOST) {
    return DEFAULT_API;
  }
  return host.endsWith(".ghe.com") ? `https://api.${host}` : `${origin}/api/v3`;
}
