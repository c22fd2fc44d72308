// A copy of the project to run commands of documents in: they may write what they like, and find what a reader's machine has.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NO_GITHUB } from "./closed-port.ts";

const ROOT = join(import.meta.dirname, "../..");

export interface ScratchProject {
  /** Where commands are run. */
  readonly folder: string;
  /** With nobody's settings and no other server's task file, and an empty `project`. */
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  remove(): void;
}

/** Makes one: all files of the project but those that git ignores, with the same packages, and the build as it was left. */
export function createScratchProject(): ScratchProject {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-docs-")));
  const [folder, home, bin] = ["project", "home", "bin"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(join(home, "project"), { recursive: true });
  mkdirSync(bin);
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  for (const file of listed.stdout
    .split("\0")
    .filter((name) => name !== "" && existsSync(join(ROOT, name)))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file), { verbatimSymlinks: true });
  }
  linkPackages(realpathSync(join(ROOT, "node_modules")), join(folder, "node_modules"));
  if (existsSync(join(ROOT, "dist"))) {
    cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
  }
  const command = (name: string, program: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec '${process.execPath}' -- '${program}' "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  };
  command("fleet-metadata", join(folder, "src/main.ts"));
  if (spawnSync("grpcurl", ["-version"]).status !== 0) {
    command("grpcurl", join(folder, "test/processes/grpcurl.ts"));
  }
  return {
    folder,
    home,
    env: {
      ...process.env,
      ...NO_GITHUB,
      PATH: `${bin}:${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}`,
      HOME: home,
      // What npm installs globally stays here; where it gets it from is the machine's own affair.
      npm_config_prefix: join(home, "npm"),
      npm_config_userconfig: process.env["npm_config_userconfig"] ?? join(homedir(), ".npmrc"),
      FLEET_METADATA_TASK_FILE: join(home, "task.json"),
      CLAUDE_CONFIG_DIR: join(home, "claude"),
      CODEX_HOME: join(home, "codex"),
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** The same packages, each by a link: whoever removes or replaces them there does so with the links alone. */
function linkPackages(from: string, to: string): void {
  mkdirSync(to);
  for (const { name } of readdirSync(from, { withFileTypes: true })) {
    if (name.startsWith("@") || name === ".bin") {
      linkPackages(join(from, name), join(to, name));
    } else if (name === ".package-lock.json") {
      cpSync(join(from, name), join(to, name));
    } else {
      symlinkSync(join(from, name), join(to, name));
    }
  }
}
