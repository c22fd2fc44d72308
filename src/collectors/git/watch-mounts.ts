// Which directories lie on a file system whose changes are made by other hosts too: the kernel tells only of our own.

import { readFile } from "node:fs/promises";
import { CollectError } from "../collector.ts";
import { isWithin } from "./files.ts";
import { toPath } from "./watch-directory.ts";

/** Types as in /proc/self/mountinfo. fuse-overlayfs is local: it is what rootless containers stand on. */
const NETWORK_TYPE =
  /^(nfs\d?|cifs|smb\d?|smbfs|ncpfs|9p|afs|ceph|lustre|beegfs|gpfs|ocfs2|gfs2|glusterfs|orangefs|panfs|virtiofs|vboxsf|vmhgfs|prl_fs|davfs|fuse|fuse\.(?!fuse-overlayfs$).*)$/;

export interface Mount {
  readonly directory: string;
  readonly type: string;
}

/** The mounts of this process as the kernel lists them; empty where there is no such list. */
export async function readMounts(): Promise<string> {
  return await readFile("/proc/self/mountinfo", "latin1").catch(() => "");
}

export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [place, type] = line.split(" - ");
    const directory = place?.split(" ")[4];
    if (directory === undefined || type === undefined) return [];
    return [{ directory: unescapeOctal(directory), type: type.split(" ")[0] ?? "" }];
  });
}

/** Type of the file system that `path` lies on. */
export function typeOf(path: string, mounts: readonly Mount[]): string | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    // Of two mounts on one directory, the later one covers the earlier.
    if (isWithin(path, mount.directory) && mount.directory.length >= (found?.directory.length ?? 0))
      found = mount;
  }
  return found?.type;
}

/** Throws for a directory whose events are not all to be had. */
export function networkCheck(mounts: readonly Mount[]): (path: string) => void {
  if (!mounts.some(({ type }) => NETWORK_TYPE.test(type))) return () => {};
  return (path) => {
    const type = typeOf(path, mounts);
    if (type === undefined || !NETWORK_TYPE.test(type)) return;
    throw new CollectError(
      "NETWORK_FILE_SYSTEM",
      `Other hosts may change files here without an event (${type} at ${toPath(path)}): every read collects anew.`,
    );
  };
}

/** Blanks and the like are written as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
