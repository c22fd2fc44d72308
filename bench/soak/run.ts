// One soak, from the start of the server to its end.

import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processesIn } from "../../test/helpers/processes.ts";
import { type Actor, say } from "./actor.ts";
import { reportTask, work } from "./agent.ts";
import { attack } from "./attackers.ts";
import { failGitHub, hangGit } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import { createPlainClient } from "./plain-client.ts";
import { callBy, readPlain, readWaiting } from "./readers.ts";
import { childrenOf, descriptorsOf, type Sample, takeSamples } from "./samples.ts";
import { openScene, type Scene } from "./scene.ts";
import { breakConnections, dropEvents, dropStreams, follow } from "./streams.ts";
import type { Outcome } from "./verdict.ts";

const ACTORS: readonly (readonly [string, Actor])[] = [
  ["plain reads", readPlain],
  ["waiting reads", readWaiting],
  ...(["connect", "grpc", "grpc-web"] as const).flatMap((protocol) => [
    [`calls by ${protocol}`, callBy(protocol)] as const,
    [`watch by ${protocol}`, follow(protocol)] as const,
  ]),
  ["streams", dropStreams],
  ["more streams", dropStreams],
  ["events", dropEvents],
  ["more events", dropEvents],
  ["broken connections", breakConnections],
  ["agent", work],
  ["task", reportTask],
  ["git", hangGit],
  ["GitHub", failGitHub],
  ["attacks", attack],
];

/** How long the server may take to let go of what was used, in milliseconds: connections that say nothing are kept longest. */
const REST_MS = 30_000;
/** How long it may take after its first answer. */
const SETTLE_MS = 7_000;
/** Longest time that the actors may take to end. */
const END_MS = 60_000;

export interface Soak {
  readonly outcome: Outcome;
  readonly ledger: Ledger;
}

/** Runs our server's program until `minutes` are over or the signal is aborted. */
export async function runSoak(program: string, minutes: number, signal: AbortSignal): Promise<Soak> {
  const scene = await openScene(program);
  const { server, ledger } = scene;
  await readUntilFresh(scene);
  const before = await atRest(server.pid, 0, SETTLE_MS);
  const startMs = performance.now();
  const over = AbortSignal.any([signal, AbortSignal.timeout(minutes * 60_000)]);
  const [samples] = await Promise.all([
    sample(scene, over),
    ...ACTORS.map((actor) => act(scene, actor, over)),
  ]);
  const loadS = (performance.now() - startMs) / 1_000;
  scene.proxy.use(undefined);
  await scene.proxy.close();
  scene.http.close();
  const after = await atRest(server.pid, before.descriptors.length, REST_MS);
  const exitCode = await server.stop();
  const afterwards = processesIn(dirname(scene.repository.root)).length;
  await scene.close();
  return {
    ledger,
    outcome: {
      samples,
      loadS,
      unexpected: ledger.unexpectedCount,
      descriptors: { before: before.descriptors, after: after.descriptors },
      children: { atRest: after.children, afterwards },
      exitCode,
    },
  };
}

/** The server has looked at everything once, and no connection of ours is open. */
async function readUntilFresh({ server, http }: Scene): Promise<void> {
  const deadline = AbortSignal.timeout(END_MS);
  for (let git: string | undefined; git !== "SOURCE_STATE_FRESH"; ) {
    const { text } = await http.get("/metadata", deadline);
    git = (JSON.parse(text) as { readonly sources: { readonly git?: { readonly state: string } } }).sources
      .git?.state;
  }
  http.close();
  await sleep(SETTLE_MS / 2);
  // Twice, so that what only a second look loads is there too.
  await createPlainClient(server.url).get("/metadata", deadline, { connection: "close" });
}

async function act(scene: Scene, [name, actor]: readonly [string, Actor], over: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const tooLate = new Promise<void>((resolve) => {
    const begin = (): void => {
      void sleep(END_MS, undefined, { signal: ended.signal, ref: false }).then(
        () => {
          scene.ledger.unexpected("requests", name, `did not end within ${END_MS / 1_000} s`);
          resolve();
        },
        () => undefined,
      );
    };
    over.addEventListener("abort", begin, { once: true });
  });
  try {
    await Promise.race([actor(scene, over), tooLate]);
  } catch (error) {
    scene.ledger.unexpected("requests", name, `gave up: ${say(error)}`);
  } finally {
    ended.abort();
  }
}

async function sample(scene: Scene, over: AbortSignal): Promise<Sample[]> {
  try {
    return await takeSamples(scene.http, scene.server.pid, over);
  } catch (error) {
    scene.ledger.unexpected("requests", "GET /health", say(error));
    return [];
  }
}

/** What the server holds once it has let go of all but `descriptors`, or as soon as waiting is in vain. */
async function atRest(pid: number, descriptors: number, waitMs: number) {
  const giveUpMs = performance.now() + waitMs;
  for (;;) {
    const now = { descriptors: descriptorsOf(pid), children: childrenOf(pid).length };
    const isQuiet = now.descriptors.length <= descriptors && now.children === 0;
    if (isQuiet || performance.now() > giveUpMs) {
      return now;
    }
    await sleep(100);
  }
}
