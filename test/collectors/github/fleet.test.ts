// Many servers on one token, second by second: what they spend together when each knows only what GitHub tells it.

import { expect, test } from "vitest";
import { type Budget, createBudget } from "../../../src/collectors/github/budget.ts";
import type { Reply } from "../../../src/collectors/github/transport.ts";
import { Credential } from "../../helpers/github/credentials.ts";

const HOUR_S = 3_600;

interface Fleet {
  readonly servers: number;
  readonly hours: number;
  /** Points that each server would like to spend every five minutes, a round of four at a time. */
  readonly roundsPerFiveMinutes: number;
  /** Points that others spend, by the second. */
  readonly others?: (second: number) => number;
  /** All want the same at the same time. Default: spread out. */
  readonly isInStep?: boolean;
  /** Points an hour of the token. Default 5,000. */
  readonly limit?: number;
}

interface Result {
  /** Points spent in each window of the limit. */
  readonly windows: readonly number[];
  readonly requestsPerMinute: readonly number[];
  /** How many requests were answered that the limit is reached. */
  readonly limited: number;
  /** How long each server waited between two rounds that cost something, in seconds, ascending. */
  readonly waitsS: readonly number[];
  /** Points that each server spent. */
  readonly shares: readonly number[];
}

const POINTS_A_ROUND = 4;
const POLL_S = 30;

function simulate(fleet: Fleet): Result {
  const { servers, hours, roundsPerFiveMinutes, isInStep = false, others = () => 0 } = fleet;
  let second = 0;
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const nowMs = (): number => Date.UTC(2026, 0, 1) + second * 1_000;
  const clock = { wallMs: nowMs, monotonicMs: () => second * 1_000 };
  const credential = new Credential({ limit: fleet.limit ?? 5_000 }, nowMs);
  const all = Array.from({ length: servers }, (_, index) => ({
    budget: createBudget({ clock, random }),
    phase: isInStep ? 0 : (index * 300) / servers,
    dueS: (index * POLL_S) / servers,
    wanted: 0,
    lastS: 0,
    points: 0,
  }));
  const windows: number[] = [0];
  const requestsPerMinute: number[] = Array.from({ length: hours * 60 }, () => 0);
  const waitsS: number[] = [];
  let limited = 0;
  let resetMs = credential.resetMs;

  const ask = (budget: Budget, cost: number): boolean => {
    const minute = Math.floor(second / 60);
    requestsPerMinute[minute] = (requestsPerMinute[minute] ?? 0) + 1;
    const isLimited = credential.exceedsSecondaryLimit() || credential.remaining === 0;
    const reply: Reply = {
      status: isLimited ? 403 : 200,
      headers: { ...credential.headers(), date: new Date(nowMs()).toUTCString() },
      body: "",
    };
    if (isLimited) {
      limited += 1;
      budget.noteLimited(reply);
      return false;
    }
    credential.spend(cost);
    windows[windows.length - 1] = (windows.at(-1) ?? 0) + cost;
    budget.note({ ...reply, headers: { ...reply.headers, ...credential.headers() } }, cost);
    return budget.blockedUntilMs === undefined;
  };

  for (; second < hours * HOUR_S; second += 1) {
    if (credential.resetMs !== resetMs) {
      ({ resetMs } = credential);
      windows.push(0);
    }
    credential.spend(others(second));
    for (const server of all) {
      const intoPeriod = (second - server.phase + 300) % 300;
      const periodPart =
        Math.floor(intoPeriod) % Math.ceil(300 / roundsPerFiveMinutes || Number.MAX_SAFE_INTEGER);
      if (roundsPerFiveMinutes > 0 && periodPart === 0) {
        server.wanted = 1;
        server.dueS = Math.min(server.dueS, Math.max(second, server.lastS + server.budget.paceMs / 1_000));
      }
      if (second < server.dueS) {
        continue;
      }
      const blockedUntilMs = server.budget.blockedUntilMs;
      if (blockedUntilMs !== undefined) {
        server.dueS = blockedUntilMs / 1_000;
        continue;
      }
      const costs = server.wanted > 0 ? Array.from({ length: POINTS_A_ROUND }, () => 1) : [0];
      if (server.wanted > 0) {
        waitsS.push(second - server.lastS);
      }
      server.wanted = 0;
      for (const cost of costs) {
        server.points += cost;
        if (!ask(server.budget, cost)) {
          break;
        }
      }
      server.lastS = second;
      server.dueS = second + Math.max(POLL_S * (0.9 + 0.2 * random()), server.budget.paceMs / 1_000);
    }
  }
  waitsS.sort((a, b) => a - b);
  return { windows, requestsPerMinute, limited, waitsS, shares: all.map(({ points }) => points) };
}

test("P17: a hundred servers that want more than there is never run dry, and get the same", () => {
  for (const isInStep of [false, true]) {
    const fleet = { servers: 100, hours: 3, roundsPerFiveMinutes: 2, isInStep };
    const { windows, requestsPerMinute, limited, waitsS, shares } = simulate(fleet);
    expect(limited).toBe(0);
    for (const points of windows) {
      expect(points).toBeLessThanOrEqual(4_500);
      expect(points).toBeGreaterThan(4_000);
    }
    expect(Math.max(...requestsPerMinute)).toBeLessThanOrEqual(700);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1.25 * Math.min(...shares));
    // Nobody waits for the reset, as all would after a budget that was used up.
    expect(waitsS[Math.floor(waitsS.length / 2)]).toBeLessThan(400);
    expect(waitsS.at(-1)).toBeLessThan(720);
  }
});

test("P17: servers that want no more than there is are not slowed down", () => {
  const { windows, waitsS } = simulate({ servers: 20, hours: 2, roundsPerFiveMinutes: 2 });
  expect(windows).toEqual([20 * 24 * POINTS_A_ROUND, 20 * 24 * POINTS_A_ROUND]);
  expect(waitsS.at(-1)).toBeLessThan(40);
});

test("P17: a quiet fleet is not slowed down, whatever others spend", () => {
  const others = (second: number): number => (second < 2_000 ? 2 : 0);
  const { windows, requestsPerMinute } = simulate({
    servers: 100,
    hours: 1,
    roundsPerFiveMinutes: 0,
    others,
  });
  expect(windows).toEqual([0]);
  expect(Math.min(...requestsPerMinute)).toBeGreaterThan(180);
  expect(Math.max(...requestsPerMinute)).toBeLessThanOrEqual(220);
});

test("P17: what others spend with the same token is left to them", () => {
  const others = (second: number): number => (second % 2 === 0 ? 1 : 0);
  const { windows, limited } = simulate({ servers: 100, hours: 3, roundsPerFiveMinutes: 2, others });
  expect(limited).toBe(0);
  for (const points of windows) {
    expect(points + HOUR_S / 2).toBeLessThanOrEqual(4_600);
    expect(points).toBeGreaterThan(2_000);
  }
});

test("P17: smaller and larger fleets and limits keep to theirs as well", () => {
  const fleets: readonly [Fleet, number][] = [
    [{ servers: 300, hours: 2, roundsPerFiveMinutes: 2 }, 4_500],
    [{ servers: 10, hours: 2, roundsPerFiveMinutes: 4, limit: 1_000 }, 900],
    [{ servers: 1, hours: 2, roundsPerFiveMinutes: 10, limit: 60 }, 44],
    [{ servers: 5, hours: 2, roundsPerFiveMinutes: 10, limit: 60 }, 44],
  ];
  for (const [fleet, most] of fleets) {
    const { windows } = simulate(fleet);
    expect(Math.max(...windows), JSON.stringify(fleet)).toBeLessThanOrEqual(most);
    expect(Math.min(...windows), JSON.stringify(fleet)).toBeGreaterThan(most / 2);
  }
});
