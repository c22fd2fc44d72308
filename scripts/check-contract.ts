// Whether the proto files keep what the contract's last version promised: `buf breaking` against the descriptors of that
// version, which are kept in compatibility/. With --write the descriptors of the current version are written, once.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CONTRACT_VERSION } from "../src/metadata/response.ts";

const { values } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    /** The module to look at, for tests. */
    proto: { type: "string", default: join(import.meta.dirname, "..") },
  },
});
const folder = join(import.meta.dirname, "../compatibility");
const NAME = /^contract-(\d+)\.(\d+)\.binpb$/;

/** Of one major version; the highest minor version last. */
function released(major: string): string[] {
  return readdirSync(folder)
    .filter((name) => NAME.exec(name)?.[1] === major)
    .sort((a, b) => Number(NAME.exec(a)?.[2]) - Number(NAME.exec(b)?.[2]));
}

function buf(...args: string[]): number | null {
  return spawnSync("buf", args, { cwd: values.proto, stdio: "inherit" }).status;
}

const current = join(folder, `contract-${CONTRACT_VERSION}.binpb`);
if (values.write && existsSync(current)) {
  console.error(`${current} exists: a released version is never changed; raise CONTRACT_VERSION`);
  process.exitCode = 1;
} else if (values.write) {
  process.exitCode = buf("build", "--exclude-source-info", "-o", current) ?? 1;
} else {
  const [major = ""] = CONTRACT_VERSION.split(".");
  const last = released(major).at(-1);
  if (last === undefined) {
    console.error(`compatibility/ holds no version ${major}.x: run node scripts/check-contract.ts --write`);
    process.exitCode = 1;
  } else {
    process.exitCode = buf("breaking", "--against", join(folder, last)) ?? 1;
  }
}
