// Reads the ssh configuration of this machine: the user's and the system's, and nothing else of either.

import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { hostOfAlias, readSshConfig, type SshFiles } from "./ssh-config.ts";

/** A file of more than this is none of a person's. */
const MAX_BYTES = 256 * 1024;

const onDisk: SshFiles = {
  async read(path) {
    try {
      // Without O_NONBLOCK, opening a FIFO waits for a writer.
      await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const found = await file.stat();
      return found.isFile() && found.size <= MAX_BYTES ? await file.readFile("utf8") : undefined;
    } catch {
      return undefined;
    }
  },
  list: (directory) => readdir(directory).catch(() => []),
};

/**
 * The hosts that ssh host aliases stand for, as the configuration says now. Never throws.
 *
 * @param home - The user's home directory. Absent: only the system's configuration counts.
 * @param systemFile - Absolute path of the system's configuration.
 */
export async function readHostAliases(
  home: string | undefined,
  systemFile = "/etc/ssh/ssh_config",
): Promise<(alias: string) => string | undefined> {
  const user = home === undefined ? [] : [readSshConfig(onDisk, join(home, ".ssh", "config"), home)];
  const system = readSshConfig(onDisk, systemFile, home ?? "/");
  const configs = await Promise.all([...user, system]);
  return (alias) => hostOfAlias(configs, alias);
}
