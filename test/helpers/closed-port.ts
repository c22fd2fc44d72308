// Where nobody listens.

/** In place of GitHub, for servers of tests that are not about it: no test ever reaches out to the real one. */
export const NO_GITHUB = { GITHUB_API_URL: "http://127.0.0.1:1" } as const;
