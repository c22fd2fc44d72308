// Reads of every kind: plain, conditional, waiting, and by the client of each protocol.

import { createMetadataClient, MetadataView } from "../../src/client/index.ts";
import { type Actor, pick, repeat, say, withDeadline } from "./actor.ts";
import type { Scene } from "./scene.ts";
import type { SourceState } from "./trouble.ts";

const PLAIN: readonly [string, ...string[]] = [
  "/metadata",
  "/metadata",
  "/metadata?keys=git_*",
  "/metadata?keys=github_*&keys=workspace_*",
  "/metadata?max_age=0s",
  "/metadata?names=proto",
  "/metadata/git_branch",
  "/openapi.json",
  "/schema.json",
];

const VIEWS = [MetadataView.ENTRIES, MetadataView.TYPED, MetadataView.FULL] as const;

/** What a plain answer holds that the soak looks at. */
interface PlainAnswer {
  readonly sources?: Readonly<Record<string, SourceState>>;
}

/** GET on the plain routes, as curl and a browser do. */
export const readPlain: Actor = (scene, signal) =>
  repeat(scene, signal, 25, async () => {
    const path = pick(scene.random, PLAIN);
    const kind = `GET ${path}`;
    const askedMs = performance.now();
    await attempt(scene, signal, kind, async () => {
      const { status, text } = await scene.http.get(path, withDeadline(signal));
      if (status !== 200) {
        throw new Error(`status ${status}: ${text.slice(0, 200)}`);
      }
      const { sources = {} } = JSON.parse(text) as PlainAnswer;
      scene.trouble.judge(kind, sources, askedMs, scene.ledger);
    });
  });

/** Waits for the next change with the validator of the last one. */
export const readWaiting: Actor = async (scene, signal) => {
  let etag = "";
  await repeat(scene, signal, 20, async () => {
    await attempt(scene, signal, "GET /metadata?wait", async () => {
      const validator = etag === "" ? {} : { "if-none-match": etag };
      const { status, headers } = await scene.http.get("/metadata?wait=2s", withDeadline(signal), validator);
      if (status !== 200 && status !== 304) {
        throw new Error(`status ${status}`);
      }
      etag = headers.etag ?? "";
    });
  });
};

/** Calls by a client of one protocol; every now and then by a new one, over new connections. */
export function callBy(protocol: "connect" | "grpc" | "grpc-web"): Actor {
  const callsPerClient = 25;
  return async (scene, signal) => {
    const connect = () => createMetadataClient(scene.server.url, { protocol });
    let client = connect();
    await repeat(scene, signal, 50, async (round) => {
      if (round % callsPerClient === callsPerClient - 1) {
        client.close();
        client = connect();
      }
      await attempt(scene, signal, `${protocol}: GetMetadata`, async () => {
        const view = pick(scene.random, VIEWS);
        const { data } = await client.getMetadata({ view }, { signal: withDeadline(signal) });
        if (view !== MetadataView.TYPED && data["workspace_name"] === undefined) {
          throw new Error("the workspace has no name");
        }
      });
      if (round % 10 === 0) {
        await attempt(scene, signal, `${protocol}: ListKeys`, async () => {
          await client.listKeys({}, { signal: withDeadline(signal) });
        });
      }
    });
    client.close();
  };
}

/** Books a read. What the end of the soak interrupts is no error. */
async function attempt(
  { ledger }: Scene,
  signal: AbortSignal,
  kind: string,
  read: () => Promise<void>,
): Promise<void> {
  try {
    await read();
    ledger.done("requests", kind);
  } catch (error) {
    if (!signal.aborted) {
      ledger.unexpected("requests", kind, say(error));
    }
  }
}
