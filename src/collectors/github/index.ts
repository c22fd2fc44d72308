// The GitHub room: finds the pull request of the current branch, and what state it is in. Touches GitHub's REST interface through its gate
// (api.ts), the file with its token, the ssh configuration of the user for the names of hosts, and the local repository only through
// the checkout that it is given.

export { createGitHub, type GitHub, type GitHubOptions, type TokenOptions } from "./create-github.ts";
export { type Inspection, inspectGitHub, type TokenInfo } from "./inspect.ts";
export type { Lookup } from "./resolve.ts";
export { PROXY_VARIABLES } from "./transport.ts";
