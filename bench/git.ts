// What the git source costs and how current it is, on a small repository and on one of 100,000 files.

import { measureChurn, measureCommits } from "./git-load.ts";
import { measureRest } from "./git-rest.ts";
import { measureWrites } from "./git-writes.ts";
import { LoadGenerator } from "./load.ts";
import type { Part } from "./part.ts";
import { createRepository } from "./repository.ts";
import { formatTable } from "./table.ts";

const SMALL_FILES = 50;
const LARGE_FILES = 100_000;

export const measureGit: Part = async (measuring) => {
  const startedMs = performance.now();
  const small = { name: `${SMALL_FILES} files`, repository: await createRepository(SMALL_FILES) };
  const large = { name: `${LARGE_FILES} files`, repository: await createRepository(LARGE_FILES) };
  const tookS = (performance.now() - startedMs) / 1_000;
  console.log(`The repository of ${LARGE_FILES} files was made in ${tookS.toFixed(1)} s.\n`);

  const generator = new LoadGenerator();
  const measured = [
    await measureChurn(generator, small, large, measuring),
    await measureWrites([small, large], measuring),
    await measureRest(large, measuring),
    await measureCommits(generator, small, measuring),
  ];
  await generator.close();
  const header = ["measure", "figure", "aim", "met"];
  console.log(
    formatTable(
      "The git source",
      header,
      measured.flatMap(({ rows }) => rows),
    ),
  );
  return measured.reduce((sum, { errors }) => sum + errors, 0);
};
