// The machine around the server: Node, settings, file watches, open files, address, access, TLS. Real limits and real ports, but for
// numbers of the kernel that a test cannot change everywhere.

import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { generate } from "selfsigned";
import { describe, expect, onTestFinished, test } from "vitest";
import { nodeCheck } from "../../../src/cli/doctor/node.ts";
import { openFilesCheck } from "../../../src/cli/doctor/open-files.ts";
import { proxyCheck } from "../../../src/cli/doctor/proxy.ts";
import type { Subject } from "../../../src/cli/doctor/subject.ts";
import { watchesCheck } from "../../../src/cli/doctor/watches.ts";
import { createConfig } from "../../../src/config.ts";
import { createCertificate } from "../../helpers/certificate.ts";
import { diagnose, diagnosisOf } from "../../helpers/doctor.ts";
import { emptyDirectory, runProgram, startProgram } from "../../helpers/program.ts";
import { createRepository, temporaryDirectory } from "../../helpers/repository.ts";
import { startServer } from "../../helpers/server.ts";

const never = new AbortController().signal;

describe("node", () => {
  test("is new enough, or not", async () => {
    expect(await nodeCheck("24.1.0", "/node").run(never)).toMatchObject({ level: "ok" });
    expect(await nodeCheck("22.17.9", "/node").run(never)).toMatchObject({
      level: "problem",
      found: "Node 22.17.9 at /node is too old",
    });
  });

  test("heeds the proxy, or not yet", async () => {
    const subject = { env: { HTTPS_PROXY: "http://proxy" } };
    expect(await proxyCheck(subject, "22.21.0").run(never)).toMatchObject({ level: "ok" });
    expect(await proxyCheck(subject, "22.20.1").run(never)).toMatchObject({
      level: "warning",
      advice: "take Node 22.21 or newer",
    });
  });
});

describe("settings", () => {
  test("all that is wrong is said, with what was probably meant", async () => {
    const diagnosis = await diagnose(["--log-level", "loud", "--git-deadline", "1h"], {
      env: { FLEET_METADATA_TOKN: "5ecret" },
    });
    const { level, found } = diagnosis.of("settings");
    expect(level).toBe("problem");
    expect(found).toContain('--log-level: "loud" is not valid; allowed are trace');
    expect(found).toContain('--git-deadline: "1h" is not valid');
    expect(found).toContain("FLEET_METADATA_TOKN is no setting and has no effect");
    expect(diagnosis.output).not.toContain("5ecret");
    expect(diagnosis.code).toBe(1);
  });

  test("a variable that nobody reads", async () => {
    const diagnosis = await diagnose([], { env: { FLEET_METADATA_TASKFILE: "/tmp/x" } });
    expect(diagnosis.of("settings")).toMatchObject({
      level: "warning",
      found: expect.stringContaining("the closest one is FLEET_METADATA_TASK_FILE"),
    });
  });

  test("one of traces that is of no use", async () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    };
    const diagnosis = await diagnose([], { env });
    expect(diagnosis.of("settings")).toMatchObject({
      level: "warning",
      found: expect.stringContaining("OTEL_EXPORTER_OTLP_PROTOCOL"),
    });
  });

  test("are valid", async () => {
    const diagnosis = await diagnose();
    expect(diagnosis.of("settings").level).toBe("ok");
  });

  test("a file of settings that is not there ends the command as it does every other", async () => {
    const { code, stderr } = await runProgram(["doctor", "--env-file", "/nowhere"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^fleet-metadata: --env-file: "\/nowhere" cannot be read \(ENOENT\)/);
  });
});

/** A kernel's files, with these limits and one process of this user that watches so much. */
function kernel(limits: { readonly watches: number; readonly instances: number }, inUse: number): string {
  const proc = temporaryDirectory();
  const inotify = join(proc, "sys/fs/inotify");
  const files = join(proc, "4711/fd");
  const details = join(proc, "4711/fdinfo");
  for (const directory of [inotify, files, details]) {
    mkdirSync(directory, { recursive: true });
  }
  writeFileSync(join(inotify, "max_user_watches"), `${limits.watches}\n`);
  writeFileSync(join(inotify, "max_user_instances"), `${limits.instances}\n`);
  symlinkSync("anon_inode:inotify", join(files, "7"));
  symlinkSync("/dev/null", join(files, "8"));
  writeFileSync(join(details, "7"), `pos:\t0\n${"inotify wd:1 ino:2 sdev:3 mask:4\n".repeat(inUse)}`);
  return proc;
}

describe("file events", () => {
  /** With so many directories to watch. */
  const look = async (proc: string, directories: number, flags: Readonly<Record<string, string>> = {}) => {
    const config = createConfig({ flags, env: {}, envFile: undefined, cwd: "/" });
    const collected = new Promise<never>(() => undefined);
    const survey: Subject["survey"] = { collected, covered: Promise.resolve("complete"), directories };
    return await watchesCheck({ config, survey, proc } as Subject).run(never);
  };

  test("there are watches enough", async () => {
    const finding = await look(kernel({ watches: 8_192, instances: 128 }, 100), 50);
    expect(finding).toEqual({
      level: "ok",
      found: "50 directories to watch; this user has 100 of 8192 watches in use",
    });
  });

  test("there are too few of them in all", async () => {
    expect(await look(kernel({ watches: 8_192, instances: 128 }, 0), 9_000)).toMatchObject({
      level: "warning",
      found: expect.stringContaining("too few"),
      advice: expect.stringContaining("sudo sysctl fs.inotify.max_user_watches=524288"),
    });
  });

  test("others have taken them", async () => {
    expect(await look(kernel({ watches: 8_192, instances: 128 }, 8_000), 500)).toMatchObject({
      level: "warning",
      found: expect.stringContaining("8000 of 8192 watches in use: too few for one more server"),
    });
  });

  test("no instance is left", async () => {
    expect(await look(kernel({ watches: 8_192, instances: 1 }, 1), 5)).toMatchObject({
      level: "warning",
      found: expect.stringContaining("1 of 1 inotify instances"),
      advice: expect.stringContaining("max_user_instances=512"),
    });
  });

  test("a system without such limits, and a server that does without events", async () => {
    expect(await look(temporaryDirectory(), 5)).toMatchObject({ level: "ok" });
    expect(await look(temporaryDirectory(), 5, { noWatch: "true" })).toMatchObject({
      level: "ok",
      found: expect.stringContaining("--no-watch"),
    });
  });

  test("counts what a server would watch: not what git ignores", async () => {
    const { root, home, commit, path } = createRepository();
    commit({ ".gitignore": "built\n", "src/one/a": "a", "src/two/b": "b" });
    const env = { HOME: home };
    const countOf = async (): Promise<number> => {
      const diagnosis = await diagnose([], { cwd: root, env });
      const { found } = diagnosis.of("file-events");
      return Number(/^(\d+) directories/.exec(found)?.[1]);
    };
    const before = await countOf();
    for (let index = 0; index < 20; index += 1) {
      mkdirSync(path("built", String(index)), { recursive: true });
    }
    expect(await countOf()).toBe(before);
    mkdirSync(path("src/three"));
    expect(await countOf()).toBe(before + 1);
  });

  const namespace = ["unshare", "--user", "--map-root-user"];
  const limit = "echo 3 >/proc/sys/user/max_inotify_watches";
  const canLimit =
    spawnSync("unshare", ["--user", "--map-root-user", "sh", "-c", limit], { stdio: "ignore" }).status === 0;

  test("S22: the kernel's real limit, in a namespace of its own", async ({ skip }) => {
    skip(!canLimit, "this machine lets nobody but root set a limit of watches");
    const { root, home, commit } = createRepository();
    commit({ a: "a" });
    const ending = await runProgram(["doctor", "file-events", "--json"], {
      cwd: root,
      env: { HOME: home },
      through: [...namespace, "sh", "-c", `${limit} && exec "$0" "$@"`],
    });
    expect(diagnosisOf(ending).of("file-events")).toMatchObject({
      level: "warning",
      found: expect.stringMatching(/directories to watch; .* of 3 watches in use: too few/),
    });
  });
});

describe("open files", () => {
  test("are enough, or too few for a real process", async () => {
    expect(await openFilesCheck({ proc: "/proc" }).run(never)).toMatchObject({ level: "ok" });
    const ending = await runProgram(["doctor", "open-files", "--json"], { maxOpenFiles: 100 });
    expect(diagnosisOf(ending).of("open-files")).toMatchObject({
      level: "warning",
      found: "a process may have 100 files and sockets open, fewer than 256",
      advice: expect.stringContaining("ulimit -n"),
    });
  });

  test("a system that does not tell", async () => {
    expect(await openFilesCheck({ proc: "/nowhere" }).run(never)).toMatchObject({ level: "ok" });
  });
});

describe("the port", () => {
  /** An address that another program has, which answers every request with a text. */
  async function takenPort(body: string): Promise<string> {
    const server = createServer((_, response) => void response.end(body)).listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await new Promise((resolve) => server.once("listening", resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const portOf = async (listen: string, args: readonly string[] = [], cwd = emptyDirectory()) => {
    const diagnosis = await diagnose(["--listen", listen, ...args], { cwd });
    return diagnosis.of("port");
  };

  test("is free", async () => {
    expect(await portOf("127.0.0.1:0")).toMatchObject({ level: "ok" });
  });

  test("is another program's", async () => {
    for (const body of ["hello", '{"status":"ok"}']) {
      const listen = await takenPort(body);
      expect(await portOf(listen)).toMatchObject({
        level: "problem",
        found: `${listen} is in use by something that is no fleet-metadata`,
        advice: expect.stringContaining("--listen"),
      });
    }
  });

  test("is that of a server of this workspace, of another one, or of another version", async () => {
    const { url } = await startProgram([], { cwd: emptyDirectory() });
    const { host } = new URL(url);
    expect(await portOf(host)).toMatchObject({
      level: "problem",
      found: expect.stringMatching(/^fleet-metadata \S+ runs at \S+, and serves \//),
    });
    const workspace = emptyDirectory();
    const own = await startProgram([], { cwd: workspace });
    // The command in this process calls itself by another version.
    expect(await portOf(new URL(own.url).host, [], workspace)).toMatchObject({
      level: "warning",
      found: expect.stringMatching(/serves this workspace; this is version 0\.0\.0$/),
    });
    const args = ["doctor", "port", "--json", "--listen", new URL(own.url).host];
    const ending = await runProgram(args, { cwd: workspace });
    expect(diagnosisOf(ending).of("port")).toMatchObject({
      level: "ok",
      found: expect.stringMatching(/serves this workspace$/),
    });
  });

  test("is that of a server that wants a token, with TLS or on a socket", async () => {
    const { certFile, keyFile } = await createCertificate();
    const secured = await startServer({ flags: { token: "s3cret", tlsCert: certFile, tlsKey: keyFile } });
    const finding = await portOf(new URL(secured.url).host);
    expect(finding).toMatchObject({ level: "warning", found: expect.stringContaining("runs at") });
    const socket = `unix:${join(temporaryDirectory(), "socket")}`;
    expect(await portOf(socket)).toMatchObject({ level: "ok", found: `nothing is at ${socket} yet` });
    await startServer({ flags: { listen: socket } });
    expect((await portOf(socket)).found).toContain(`runs at ${socket}`);
  });

  test("is one that this machine does not have", async () => {
    expect(await portOf("192.0.2.1:8000", ["--allow-unauthenticated"])).toMatchObject({
      level: "problem",
      found: expect.stringContaining("this machine does not have that address"),
    });
  });
});

describe("access", () => {
  const accessOf = async (...args: string[]) => {
    const diagnosis = await diagnose(args);
    expect(diagnosis.output).not.toContain("s3cret");
    return diagnosis.of("access");
  };

  test("from this machine only", async () => {
    expect(await accessOf()).toMatchObject({
      level: "ok",
      found: expect.stringContaining("no token is set"),
    });
    const file = join(temporaryDirectory(), "token");
    writeFileSync(file, "s3cret");
    expect(await accessOf("--token-file", file)).toMatchObject({ level: "ok" });
    expect(await accessOf("--token", "s3cret")).toMatchObject({
      level: "warning",
      advice: expect.stringContaining("--token-file"),
    });
  });

  test("from everywhere", async () => {
    expect(await accessOf("--listen", "0.0.0.0:0")).toMatchObject({
      level: "problem",
      found: expect.stringContaining("is not loopback"),
    });
    expect(await accessOf("--listen", "0.0.0.0:0", "--allow-unauthenticated")).toMatchObject({
      level: "warning",
    });
    expect(await accessOf("--listen", "0.0.0.0:0", "--token", "s3cret")).toMatchObject({
      level: "warning",
      found: expect.stringContaining("in cleartext"),
    });
    const { certFile, keyFile } = await createCertificate();
    const tls = ["--tls-cert", certFile, "--tls-key", keyFile];
    expect(await accessOf("--listen", "0.0.0.0:0", "--token", "s3cret", ...tls)).toMatchObject({
      level: "ok",
    });
  });

  test("a token file that is not there, or empty", async () => {
    expect(await accessOf("--token-file", "/nowhere")).toMatchObject({
      level: "problem",
      found: expect.stringContaining("ENOENT"),
    });
    const empty = join(temporaryDirectory(), "token");
    writeFileSync(empty, "");
    expect(await accessOf("--token-file", empty)).toMatchObject({ level: "problem" });
  });
});

describe("tls", () => {
  const tlsOf = async (certFile: string, keyFile: string) => {
    const diagnosis = await diagnose(["--tls-cert", certFile, "--tls-key", keyFile]);
    return diagnosis.of("tls");
  };

  /** A certificate that is valid between two moments, in days from now. */
  async function certificateFor(from: number, until: number) {
    const directory = temporaryDirectory();
    const day = (days: number): Date => new Date(Date.now() + days * 86_400_000);
    const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
      algorithm: "sha256",
      notBeforeDate: day(from),
      notAfterDate: day(until),
    });
    const [certFile, keyFile] = [join(directory, "cert.pem"), join(directory, "key.pem")];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    return { certFile, keyFile };
  }

  test("is not set, or well", async () => {
    const diagnosis = await diagnose();
    expect(diagnosis.of("tls")).toMatchObject({ level: "ok", found: "not set: cleartext" });
    const { certFile, keyFile } = await createCertificate();
    expect(await tlsOf(certFile, keyFile)).toMatchObject({
      level: "ok",
      found: expect.stringContaining("DNS:localhost"),
    });
  });

  test("has expired, soon will, or is not valid yet", async () => {
    const expired = await certificateFor(-30, -1);
    expect(await tlsOf(expired.certFile, expired.keyFile)).toMatchObject({
      level: "problem",
      found: expect.stringContaining("has expired"),
    });
    const soon = await certificateFor(-30, 3.5);
    expect(await tlsOf(soon.certFile, soon.keyFile)).toMatchObject({
      level: "warning",
      found: expect.stringContaining("in 3 days"),
    });
    const later = await certificateFor(1, 30);
    expect(await tlsOf(later.certFile, later.keyFile)).toMatchObject({ level: "problem" });
  });

  test("another's key, and a file that is not there", async () => {
    const one = await createCertificate();
    const other = await createCertificate();
    expect(await tlsOf(one.certFile, other.keyFile)).toMatchObject({
      level: "problem",
      found: expect.stringContaining("is not the key of the certificate"),
    });
    expect(await tlsOf("/nowhere", one.keyFile)).toMatchObject({
      level: "problem",
      found: expect.stringContaining("cannot be read (ENOENT)"),
    });
  });
});
