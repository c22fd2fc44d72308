// The git room: reads the state of a workspace's repositories. May touch git processes and the files of those
// repositories, and only to read them.

export { createGitCollector } from "./collector.ts";
export type { Surroundings } from "./environment.ts";
export type { Git } from "./git.ts";
export { createGit } from "./run-git.ts";
export { type Survey, surveyWorkspace } from "./survey.ts";
export { gitVersion, isOldGit, OLDEST_GIT, whereIsGit } from "./version.ts";
