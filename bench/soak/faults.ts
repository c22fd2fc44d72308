// Faults of what stands behind the server: a git that hangs, and a GitHub that fails in every way it can.

import { type Fault, failure, HTML_PAGE, secondaryLimit } from "../../test/helpers/github.ts";
import { type Actor, pause, pick, repeat } from "./actor.ts";

/** Longer than the deadline of a collection. */
const HANG_MS = 7_000;
/** The repository changes all the time, so that GitHub is asked often. */
const GITHUB_FAULT_MS = 8_000;

/** Every now and then every git hangs for a while. */
export const hangGit: Actor = (scene, signal) =>
  repeat(scene, signal, 20_000, async () => {
    await pause(2_000, signal);
    scene.trouble.begin("git");
    scene.hangingGit.hang();
    scene.ledger.done("faults", "git hangs");
    await pause(HANG_MS, signal);
    scene.hangingGit.release();
    scene.trouble.end("git");
  });

const GITHUB_FAULTS: readonly [readonly [string, Fault], ...(readonly [string, Fault])[]] = [
  ["GitHub resets", { kind: "reset" }],
  ["GitHub cuts an answer", { kind: "cut" }],
  ["GitHub hangs", { kind: "hang" }],
  ["GitHub is slow", { kind: "slow", delayMs: 3_000 }],
  ["GitHub answers 502", failure(502)],
  ["GitHub answers HTML", HTML_PAGE],
  ["GitHub limits", secondaryLimit(3)],
];

/** Every now and then GitHub fails for a while. In between its pull requests change. */
export const failGitHub: Actor = (scene, signal) =>
  repeat(scene, signal, 10_000, async (round) => {
    const pull = pick(scene.random, scene.pulls as [(typeof scene.pulls)[number]]);
    pull.update({ title: `Title ${round}`, mergeable: round % 4 === 0 ? null : true });
    pull.review("ann", round % 2 === 0 ? "APPROVED" : "CHANGES_REQUESTED");
    pull.repo.check(pull.fields.headSha, {
      name: "build",
      conclusion: round % 2 === 0 ? "success" : "failure",
    });
    scene.ledger.done("changes", "pull request");
    const [kind, fault] = pick(scene.random, GITHUB_FAULTS);
    scene.trouble.begin("github");
    scene.github.faults.add(fault, Number.POSITIVE_INFINITY);
    scene.ledger.done("faults", kind);
    await pause(GITHUB_FAULT_MS, signal);
    scene.github.faults.clear();
    scene.trouble.end("github");
  });
