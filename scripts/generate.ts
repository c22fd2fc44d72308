// Writes everything that is generated and committed: code from the proto files, and .env.example from the settings.
// With --check nothing is written, and it fails when a file is not what would be generated.

import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { SETTINGS, type Setting, variablesOf } from "../src/config-settings.ts";

const root = join(import.meta.dirname, "..");

/** Folders that hold nothing but generated files. */
const GENERATED_FOLDERS = ["src/gen"];
const GENERATED_FILES = [".env.example"];

/** Generates everything into a directory that mirrors the project. */
function generate(target: string): void {
  execFileSync("buf", ["generate", "--output", target], { cwd: root, stdio: "inherit" });
  writeFileSync(join(target, ".env.example"), envExample());
}

/** All settings as variables, commented out, for a file that is named by --env-file. */
function envExample(): string {
  const head = "# Settings of fleet-metadata. Read only when named: fleet-metadata --env-file PATH\n";
  const entries = Object.values(SETTINGS).map((setting: Setting) => {
    const fallback = setting.defaultText === undefined ? "" : ` Default: ${setting.defaultText}.`;
    const value = setting.placeholder ?? "true";
    return `\n# ${setting.description[0]?.toUpperCase()}${setting.description.slice(1)}.${fallback}\n#${variablesOf(setting)[0]}=${value}\n`;
  });
  return head + entries.join("");
}

function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) {
    return [];
  }
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}

/** Paths of generated files that are missing, superfluous or different. */
function differences(fresh: string): string[] {
  const wanted = [...GENERATED_FILES, ...GENERATED_FOLDERS.flatMap((folder) => filesIn(fresh, folder))];
  const present = [...GENERATED_FILES, ...GENERATED_FOLDERS.flatMap((folder) => filesIn(root, folder))];
  return [...new Set([...wanted, ...present])].filter(
    (file) => readIfPresent(join(fresh, file)) !== readIfPresent(join(root, file)),
  );
}

function filesIn(base: string, folder: string): string[] {
  return filesBelow(join(base, folder)).map((file) => join(folder, file));
}

function readIfPresent(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

const fresh = mkdtempSync(join(tmpdir(), "fleet-metadata-generate-"));
try {
  generate(fresh);
  if (process.argv.includes("--check")) {
    const stale = differences(fresh);
    if (stale.length > 0) {
      console.error(`not what would be generated, run npm run generate: ${stale.join(", ")}`);
      process.exitCode = 1;
    }
  } else {
    for (const folder of GENERATED_FOLDERS) {
      rmSync(join(root, folder), { recursive: true, force: true });
    }
    for (const path of [...GENERATED_FOLDERS, ...GENERATED_FILES]) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      cpSync(join(fresh, path), join(root, path), { recursive: true });
    }
  }
} finally {
  rmSync(fresh, { recursive: true });
}
