// The git room: reads the state of a workspace's repositories. May touch git processes and the files of those
// repositories, and only to read them.

export { createGitCollector, type GitCollector, type GitCollectorOptions } from "./collector.ts";
export type { Git, GitResult, RunOptions } from "./git.ts";
export type { RepositoryLocation } from "./location.ts";
export { redactUrl } from "./redact-url.ts";
export { createGit, type GitOptions } from "./run-git.ts";
