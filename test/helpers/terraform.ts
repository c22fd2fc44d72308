// Terraform, where this machine has it, with providers of our own in place of those that a registry would have.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyDirectory } from "./program.ts";

const PROVIDER = join(import.meta.dirname, "../processes/terraform-provider.ts");

/** Where each provider comes from, and its version. */
const SOURCES = {
  coder: ["coder/coder", "2.13.0"],
  docker: ["kreuzwerker/docker", "3.6.2"],
} as const;

/** Whether there is a Terraform. */
export const HAS_TERRAFORM = spawnSync("terraform", ["version"]).status === 0;

export interface Terraform {
  /** Runs it in a folder. @returns its exit code, and all that it printed, without colours. */
  run(folder: string, args: readonly string[]): { readonly code: number | null; readonly output: string };
}

/** Terraform for the running test. */
export function useTerraform(): Terraform {
  const directory = emptyDirectory();
  const platform = `${process.platform}_${process.arch === "x64" ? "amd64" : process.arch}`;
  for (const [name, [source, version]] of Object.entries(SOURCES)) {
    const folder = join(directory, "registry.terraform.io", source, version, platform);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `terraform-provider-${name}_v${version}`);
    writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${PROVIDER}' ${name}\n`);
    chmodSync(file, 0o755);
  }
  const settings = join(directory, "terraformrc");
  writeFileSync(
    settings,
    `provider_installation {\n  filesystem_mirror {\n    path = "${directory}"\n  }\n}\n`,
  );
  const env = {
    PATH: process.env["PATH"],
    HOME: directory,
    TF_CLI_CONFIG_FILE: settings,
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
  };
  return {
    run: (folder, args) => {
      const options = { cwd: folder, env, encoding: "utf8", timeout: 120_000 } as const;
      const { status, stdout, stderr } = spawnSync("terraform", args, options);
      return { code: status, output: `${stdout}${stderr}` };
    },
  };
}
