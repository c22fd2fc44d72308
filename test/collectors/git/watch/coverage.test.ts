import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Git } from "../../../../src/collectors/git/git.ts";
import {
  type DirectoryListener,
  type WatchDirectory,
  watchDirectory,
} from "../../../../src/collectors/git/watch-directory.ts";
import { parseMounts, typeOf } from "../../../../src/collectors/git/watch-mounts.ts";
import {
  inotifyWatches,
  plainGit,
  smallRepository,
  startWatch,
  watched,
} from "../../../helpers/watch-repository.ts";

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Real watching, which refuses as soon as `refuses` says so. */
function refusing(refuses: (path: string) => string | undefined): WatchDirectory {
  return (path, listener) => {
    const code = refuses(path);
    if (code !== undefined) throw failure(code);
    return watchDirectory(path, listener);
  };
}

const mountsWith = (line: string) => () => Promise.resolve(`27 1 254:0 / / rw - ext4 /dev/vda rw\n${line}\n`);

describe("when events cannot be had", () => {
  it.each(["ENOSPC", "EMFILE"])(
    "G20: at the limit (%s) all watches are given back, and it is said",
    async (code) => {
      const repository = smallRepository();
      let opened = 0;
      const watch = startWatch(repository, {
        watchDirectory: refusing(() => {
          opened += 1;
          return opened > 12 ? code : undefined;
        }),
      });
      await watch.reached(() => watch.coverage.length > 0);
      await watch.settled();
      expect(watch.coverage).toMatchObject([{ reason: "WATCH_LIMIT_REACHED" }]);
      expect(inotifyWatches()).toBe(0);
      expect(watch.heard()).toBeGreaterThan(0);
    },
  );

  it("G20: the limit may be reached later, too", async () => {
    const repository = smallRepository();
    const watch = await watched(repository, {
      watchDirectory: refusing((path) => (basename(path) === "late" ? "ENOSPC" : undefined)),
    });
    await watch.noticed(() => mkdirSync(repository.path("src/late")));
    expect(watch.coverage).toMatchObject(["complete", { reason: "WATCH_LIMIT_REACHED" }]);
    expect(inotifyWatches()).toBe(0);
  });

  it("G20: a watcher that ends by itself ends the coverage", async () => {
    const repository = smallRepository();
    const listeners: DirectoryListener[] = [];
    const watch = await watched(repository, {
      watchDirectory: (path, listener) => {
        listeners.push(listener);
        return watchDirectory(path, listener);
      },
    });
    await watch.noticed(() => listeners.at(-1)?.failed(failure("EIO")));
    expect(watch.coverage).toMatchObject(["complete", { reason: "WATCH_FAILED" }]);
    expect(inotifyWatches()).toBe(0);
  });

  it.each(["nfs4", "cifs", "fuse.sshfs", "9p", "virtiofs"])(
    "G20: a work tree on %s is not relied on",
    async (type) => {
      const repository = smallRepository();
      const watch = startWatch(repository, {
        readMounts: mountsWith(`30 27 0:1 / ${repository.root} rw - ${type} host:/x rw`),
      });
      await watch.reached(() => watch.coverage.length > 0);
      expect(watch.coverage).toMatchObject([{ reason: "NETWORK_FILE_SYSTEM" }]);
      expect(inotifyWatches()).toBe(0);
    },
  );

  it("G20: a network file system below the work tree counts, unless it is ignored", async () => {
    const repository = smallRepository();
    const at = (path: string) => mountsWith(`30 27 0:1 / ${repository.path(path)} rw - nfs host:/x rw`);
    await watched(repository, { readMounts: at("node_modules") });
    const watch = startWatch(repository, { readMounts: at("src/deep") });
    await watch.reached(() => watch.coverage.length > 0);
    expect(watch.coverage).toMatchObject([{ reason: "NETWORK_FILE_SYSTEM" }]);
  });

  it("the kernel's list of mounts is read with its escapes, and the innermost one counts", () => {
    const mounts = parseMounts(
      "1 0 0:1 / / rw shared:1 - ext4 a rw\n2 1 0:2 / /a\\040b rw - nfs x rw\n3 2 0:3 / /a\\040b/c rw - tmpfs x rw\n\n",
    );
    expect(["/a", "/a b", "/a b/x", "/a b/c/d", "/a bc"].map((path) => typeOf(path, mounts))).toEqual([
      "ext4",
      "nfs",
      "nfs",
      "tmpfs",
      "ext4",
    ]);
  });

  it("G20: a directory that cannot be listed is said, until it can", async () => {
    const repository = smallRepository();
    let isForbidden = true;
    const watch = startWatch(repository, {
      watchDirectory: refusing((path) => (isForbidden && basename(path) === "deep" ? "EACCES" : undefined)),
    });
    await watch.reached(() => watch.coverage.length > 0);
    expect(watch.coverage).toMatchObject([{ reason: "DIRECTORY_NOT_READABLE" }]);
    isForbidden = false;
    await watch.noticed(() => execFileSync("chmod", ["700", repository.path("src/deep")]));
    await watch.reached(() => watch.coverage.at(-1) === "complete");
    await watch.noticed(() => repository.write("src/deep/file.txt", "changed\n"));
  });

  it("G20: a directory that cannot be listed does not count once it is ignored, or gone", async () => {
    const repository = smallRepository();
    repository.write("docs/deep/file.txt");
    const watch = startWatch(repository, {
      watchDirectory: refusing((path) => (basename(path) === "deep" ? "EACCES" : undefined)),
    });
    await watch.reached(() => watch.coverage.length > 0);
    await watch.noticed(() => repository.write("docs/.gitignore", "deep/\n"));
    await watch.noticed(() => repository.git("rm", "-rqf", "src/deep"));
    await watch.reached(() => watch.coverage.at(-1) === "complete");
    await watch.noticed(() => repository.write("src/deep/file.txt"));
    await watch.reached(() => watch.coverage.at(-1) !== "complete");
    await watch.noticed(() => renameSync(repository.path("src"), `${repository.root}-away`));
    await watch.reached(() => watch.coverage.at(-1) === "complete");
  });

  it("G20: while git cannot tell what it ignores, coverage is not complete; then it is", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    const index = repository.path(".git/index");
    renameSync(index, `${index}-good`);
    await watch.noticed(() => writeFileSync(index, "this is no index"));
    await watch.reached(() => typeof watch.coverage.at(-1) === "object");
    expect(watch.coverage.at(-1)).toMatchObject({ reason: "IGNORED_UNKNOWN" });
    await watch.noticed(() => renameSync(`${index}-good`, index));
    await watch.reached(() => watch.coverage.at(-1) === "complete");
    await watch.noticed(() => repository.write("src/deep/file.txt", "changed\n"));
  });

  it("G20: other repositories are tried after a failure", async () => {
    const repository = smallRepository();
    let isFull = true;
    const watch = startWatch(repository, { watchDirectory: refusing(() => (isFull ? "ENOSPC" : undefined)) });
    await watch.reached(() => watch.coverage.length > 0);
    isFull = false;
    watch.watch.follow([]);
    await watch.reached(() => watch.coverage.at(-1) === "complete");
  });
});

describe("when events are lost", () => {
  it("G20: after the kernel's queue has overflowed, all directories are watched again", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    // The event loop stands still meanwhile: nothing is taken from the queue.
    const script = `
      for i in $(seq 20000); do echo > a$((i % 7)).txt; done
      mkdir -p lost/inner; rm -r src; mkdir -p src/deep; : > lost/inner/file.txt`;
    await watch.noticed(() => execFileSync("sh", ["-c", script], { cwd: repository.root }));
    await watch.noticed(() => repository.write("lost/inner/file.txt", "changed\n"));
    await watch.noticed(() => repository.write("src/deep/file.txt", "changed\n"));
  });

  it("G20: an event without a name may be any: what was watched there is watched anew", async () => {
    const repository = smallRepository();
    const listeners = new Map<string, DirectoryListener>();
    const watch = await watched(repository, {
      watchDirectory: (path, listener) => {
        listeners.set(path, listener);
        return watchDirectory(path, {
          ...listener,
          heard: (entry, renamed) => {
            if (entry !== "unnamed") listener.heard(entry, renamed);
          },
        });
      },
    });
    const before = inotifyWatches();
    await watch.noticed(() => {
      mkdirSync(repository.path("unnamed"));
      listeners.get(repository.root)?.heard(null, true);
    });
    expect(inotifyWatches()).toBe(before + 1);
    await watch.noticed(() => repository.write("unnamed/file.txt"));
    await watch.noticed(() => repository.write("src/deep/file.txt", "changed\n"));
  });
});

describe("the end", () => {
  it("G18, G20: neither a watcher nor a process is left, whenever it comes", async () => {
    const repository = smallRepository();
    for (let index = 0; index < 40; index += 1) repository.write(`d${index % 10}/e${index}/file.txt`);
    for (let turns = 0; turns < 60; turns += 1) {
      const running = new Set<Promise<unknown>>();
      const plain = plainGit(repository.home);
      const git: Git = {
        run(args, options) {
          const run = plain.run(args, options);
          const ended = run.catch(() => undefined).finally(() => running.delete(ended));
          running.add(ended);
          return run;
        },
      };
      const watch = startWatch(repository, { git });
      for (let turn = 0; turn < turns; turn += 1) await setImmediate();
      watch.end();
      const heard = watch.heard();
      await watch.settled();
      while (running.size > 0) await Promise.all(running);
      await watch.settled();
      const active = process.getActiveResourcesInfo();
      expect(inotifyWatches()).toBe(0);
      expect(active.filter((name) => name === "FSEventWrap" || name === "ProcessWrap")).toEqual([]);
      expect(watch.heard()).toBe(heard);
    }
  });

  it("G20: a process that ends its watch ends; before that, it has nothing active but the watchers", async () => {
    const repository = smallRepository();
    const program = fileURLToPath(new URL("../../../helpers/watch-process.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, repository.root], {
      env: { PATH: process.env["PATH"], HOME: repository.home },
      timeout: 20_000,
    });
    expect(JSON.parse(stdout)).toEqual({ idle: ["FSEventWrap"], ended: [] });
  });

  it("G20: a watch that is ended before it begins does nothing", async () => {
    const repository = smallRepository();
    const git = plainGit(repository.home);
    const watch = startWatch(repository, { git, signal: AbortSignal.abort() });
    await watch.settled();
    expect([git.calls.length, watch.heard(), watch.coverage.length, inotifyWatches()]).toEqual([0, 0, 0, 0]);
  });
});
