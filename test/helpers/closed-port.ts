// Where nobody listens.

/**
 * In place of GitHub, for servers of tests that are not about it: no test ever reaches out to the real one, and none takes a
 * token or a server from the environment that it runs in.
 */
export const NO_GITHUB = {
  GITHUB_API_URL: "http://127.0.0.1:1",
  GITHUB_TOKEN: "",
  GH_TOKEN: "",
  GITHUB_SERVER_URL: "",
  GH_HOST: "",
} as const;
