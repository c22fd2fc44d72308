// The GitHub room: finds the pull request of the current branch, and what state it is in. Touches GitHub's REST interface through its gate
// (api.ts), and the local repository only through the checkout that it is given.

export { createGitHubCollector, type GitHubCollectorOptions } from "./collector.ts";
export { createGitHubApi, type GatedGitHubApi } from "./create-api.ts";
export { readHostAliases } from "./ssh-files.ts";
export { createTokenSource } from "./token.ts";
