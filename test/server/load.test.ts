// Many clients at once on a real repository.

import { equals } from "@bufbuild/protobuf";
import { beforeEach, expect, test } from "vitest";
import { MetadataEntrySchema } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { createTestClient } from "../helpers/clients.ts";
import { createRepository } from "../helpers/repository.ts";
import { startServer, type TestServer } from "../helpers/server.ts";

const CLIENTS = 100;
const READS = 5;

let server: TestServer;

beforeEach(async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n", "b.txt": "b\n" });
  repository.write({ "a.txt": "changed\n", "new.txt": "new\n" });
  server = await startServer({
    collectors: "real",
    flags: { workspace: repository.root, taskFile: repository.path("no-task.json") },
    env: { PATH: process.env["PATH"], HOME: repository.home },
  });
});

const EXPECTED = { git_branch: "main", git_status: "modified", git_untracked_files: 1 };

test("100 clients of /metadata at once: no error, and one answer", async () => {
  const readAll = async (): Promise<string[]> => {
    const answers: string[] = [];
    for (let read = 0; read < READS; read += 1) {
      const response = await fetch(`${server.url}/metadata`);
      expect(response.status).toBe(200);
      const { data, meta } = (await response.json()) as {
        data: Record<string, { value: unknown }>;
        meta: { revision: string };
      };
      for (const [key, value] of Object.entries(EXPECTED)) {
        expect(data[key]?.value).toBe(value);
      }
      answers.push(JSON.stringify([data, meta.revision, response.headers.get("etag")]));
    }
    return answers;
  };
  const answers = (await Promise.all(Array.from({ length: CLIENTS }, readAll))).flat();
  expect(answers).toHaveLength(CLIENTS * READS);
  expect(new Set(answers).size).toBe(1);
});

test("100 clients of gRPC GetMetadata at once: no error, and one answer", async () => {
  const clients = Array.from({ length: CLIENTS }, () => createTestClient("gRPC, HTTP/2", server.url));
  const answers = (
    await Promise.all(
      clients.map(async (client) => {
        const own = [];
        for (let read = 0; read < READS; read += 1) {
          own.push(await client.getMetadata({}));
        }
        return own;
      }),
    )
  ).flat();
  expect(answers).toHaveLength(CLIENTS * READS);
  const [first] = answers;
  for (const { data, meta } of answers) {
    expect(meta?.revision).toBe(first?.meta?.revision);
    expect(Object.keys(data)).toEqual(Object.keys(first?.data ?? {}));
    for (const [key, entry] of Object.entries(data)) {
      const other = first?.data[key];
      expect(other && equals(MetadataEntrySchema, entry, other), key).toBe(true);
    }
  }
  for (const [key, value] of Object.entries(EXPECTED)) {
    expect(first?.data[key]?.value?.kind.value).toBe(value);
  }
});
