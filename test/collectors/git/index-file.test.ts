import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isPlainIndex } from "../../../src/collectors/git/index-file.ts";
import { emptyDirectory } from "../../helpers/program.ts";

test("G24: a FIFO in the place of the index is not waited for", async () => {
  const fifo = join(emptyDirectory(), "index");
  execFileSync("mkfifo", [fifo]);
  expect(await isPlainIndex(fifo)).toBe(false);
});
