import { expect, onTestFinished, test } from "vitest";
import { PullRequestStatus } from "../../../src/gen/fleet/metadata/v1/github_pb.ts";
import { sha, startGitHub } from "../../helpers/github.ts";
import { FleetTime, startFleet } from "../../helpers/github-fleet.ts";

const TOKEN = "ghp_fleet";
const SERVERS = 10;
const MINUTES = 10;

test("P13: servers that share a token and to which nothing happens cost nothing, and ask twice a minute each", async () => {
  const time = new FleetTime();
  const github = await startGitHub({ clock: time });
  github.token(TOKEN);
  const repo = github.repo("octo/app");
  const branches = Array.from({ length: SERVERS }, (_, index) => `topic-${index}`);
  for (const branch of branches) {
    repo.pull({ head: branch });
    repo.check(sha(branch), { name: "build", conclusion: "success" });
  }
  await time.pass(86_400_000);
  const checkouts = branches.map((branch) => ({ branch }));
  const fleet = startFleet({ github, time, token: TOKEN, checkouts });
  onTestFinished(() => fleet.close());
  await time.pass(60_000);
  expect(fleet.servers.map(({ pull }) => pull?.status)).toEqual(branches.map(() => PullRequestStatus.OPEN));
  github.books.clear();
  await time.pass(MINUTES * 60_000);
  expect(github.books.points).toBe(0);
  expect(github.books.requests.length).toBeGreaterThanOrEqual(SERVERS * MINUTES * 2);
  expect(github.books.requests.length).toBeLessThanOrEqual(SERVERS * MINUTES * 2.2);
});
