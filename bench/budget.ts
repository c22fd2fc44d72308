// What a fleet that shares one token costs at GitHub, and how soon it sees what changes there: real HTTP against a stand-in, and an hour of
// the fleet's time in as long as it takes.

import { openGitHub } from "../test/helpers/github.ts";
import { FleetTime, startFleet } from "../test/helpers/github-fleet.ts";
import { BUDGET_STATES, type BudgetState, MOST_POINTS, openWorld } from "./budget-states.ts";
import type { Part } from "./part.ts";
import { percentile } from "./statistics.ts";
import { type Aim, atMost, figure, formatTable, judge } from "./table.ts";

const SERVERS = 100;
const TOKEN = "ghp_fleet";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const measureBudget: Part = async () => {
  const rows: string[][] = [];
  for (const state of BUDGET_STATES) {
    rows.push(...(await measureState(state)));
  }
  const title = `Budget: ${SERVERS} servers on one token, each watched, for an hour after their first questions`;
  console.log(formatTable(title, ["state", "measure", "figure", "aim", "met"], rows));
  return 0;
};

async function measureState(state: BudgetState): Promise<string[][]> {
  const time = new FleetTime();
  const github = await openGitHub({ clock: time });
  const credential = github.token(TOKEN);
  const world = openWorld({ github, servers: SERVERS, isShared: state.isShared });
  await time.pass(24 * HOUR_MS);
  const checkouts = world.branches.map(({ checkout }) => checkout);
  const fleet = startFleet({ github, time, token: TOKEN, checkouts });
  try {
    const firstMs = 2 * MINUTE_MS;
    await time.pass(firstMs);
    const firstPoints = github.books.points;
    const windowEndMs = credential.resetMs;
    github.books.clear();
    const seen = state.begin({ world, fleet, time });
    await time.pass(HOUR_MS);
    const perMinute = github.books.requestsPerMinute;
    const { points, requests } = github.books;
    const refused = requests.filter(({ status }) => status === 403 || status === 429).length;
    const inWindow = requests.filter(({ atMs }) => atMs < windowEndMs);
    const windowPoints = firstPoints + inWindow.reduce((sum, { cost }) => sum + cost, 0);
    const rows = [
      row("points for the first questions", firstPoints),
      row("points in the hour", points, atMost(state.mostPoints, "")),
      row("points in GitHub's window, both together", windowPoints, atMost(MOST_POINTS, "")),
      row("requests a minute, median", percentile(perMinute, 0.5), atMost(state.mostRequests, "")),
      row("requests a minute, worst", Math.max(...perMinute), atMost(state.mostRequests, "")),
      row("refused for a limit", refused, atMost(0, "")),
    ];
    if (state.afterwards !== undefined) {
      state.afterwards({ world, fleet, time });
      await time.pass(HOUR_MS);
    }
    for (const [what, { samplesMs, mostS, open }] of seen) {
      const seconds = samplesMs.map((ms) => ms / 1_000);
      const aim = mostS === undefined ? undefined : atMost(mostS, "s");
      const count = `${seconds.length} times${open() > 0 ? `, ${open()} not` : ""}`;
      rows.push(row(`${what} visible, median (${count})`, percentile(seconds, 0.5), aim, "s"));
      rows.push(row(`${what} visible, worst`, Math.max(...seconds), aim, "s"));
    }
    return rows.map((cells, index) => [index === 0 ? state.name : "", ...cells]);
  } finally {
    await fleet.close();
    await github.close();
  }
}

function row(measure: string, value: number, aim?: Aim, unit = ""): string[] {
  return [measure, figure(value, unit), ...judge(value, aim)];
}
