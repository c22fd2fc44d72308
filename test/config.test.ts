import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type Config,
  ConfigError,
  type ConfigInput,
  createConfig,
  requireSafeListener,
  resolveSettings,
} from "../src/config.ts";
import { SETTINGS, type Setting, type SettingName, variablesOf } from "../src/config-settings.ts";
import { createCertificate } from "./helpers/certificate.ts";

function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-config-")));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function configOf(input: Partial<ConfigInput> = {}): Config {
  return createConfig({ flags: {}, env: {}, envFile: undefined, cwd: "/", ...input });
}

/** The message of the error that a configuration fails with: one line. */
function refusal(input: Partial<ConfigInput>): string {
  try {
    configOf(input);
  } catch (error) {
    if (error instanceof ConfigError) {
      expect(error.message).not.toContain("\n");
      return error.message;
    }
    throw error;
  }
  throw new Error("it was not refused");
}

function envFile(lines: string): string {
  const path = join(temporaryDirectory(), "settings");
  writeFileSync(path, lines);
  return path;
}

describe("the configuration", () => {
  it("has defaults", () => {
    expect(configOf({ cwd: "/tmp" })).toEqual({
      workspace: "/tmp",
      listen: { text: "127.0.0.1:8000", address: { host: "127.0.0.1", port: 8000 }, isLoopback: true },
      token: undefined,
      allowUnauthenticated: false,
      allowedHosts: [],
      allowedOrigins: [],
      taskFile: "/tmp/fleet-metadata-task.json",
      taskStaleAfterMs: 900_000,
      agentapiUrl: undefined,
      coderUrl: undefined,
      coderTokenFile: undefined,
      gitDeadlineMs: 5_000,
      noWatch: false,
      jsonNames: "camel",
      logLevel: "info",
      logFormat: undefined,
      url: "http://127.0.0.1:8000",
      github: {
        host: "github.com",
        apiUrl: "https://api.github.com",
        token: undefined,
        tokenFile: undefined,
      },
      tracing: undefined,
      tracingWarnings: [],
    });
  });

  it("takes a flag before the environment, that before the file of settings, that before the default", () => {
    const file = envFile("FLEET_METADATA_LOG_LEVEL=error\nFLEET_METADATA_JSON_NAMES=proto\n");
    const env = { FLEET_METADATA_LOG_LEVEL: "debug", FLEET_METADATA_LISTEN: ":1" };
    const input: ConfigInput = { flags: { logLevel: "trace" }, env, envFile: file, cwd: "/" };
    expect(createConfig(input)).toMatchObject({
      logLevel: "trace",
      jsonNames: "proto",
      listen: { text: ":1" },
    });
    const origins = resolveSettings(input);
    expect(origins.get("logLevel")).toMatchObject({ origin: "flag", text: "trace" });
    expect(origins.get("listen")).toMatchObject({ origin: "environment" });
    expect(origins.get("jsonNames")).toMatchObject({ origin: "env file" });
    expect(origins.get("logFormat")).toMatchObject({ origin: "default", text: undefined });
    expect(configOf({ env, envFile: file }).logLevel).toBe("debug");
    expect(configOf({ envFile: file }).logLevel).toBe("error");
  });

  it("takes an empty variable for an absent one", () => {
    const file = envFile("FLEET_METADATA_LOG_LEVEL=error\nFLEET_METADATA_JSON_NAMES=\n");
    const env = { FLEET_METADATA_LOG_LEVEL: "", FLEET_METADATA_TOKEN: "" };
    expect(configOf({ env, envFile: file })).toMatchObject({
      logLevel: "error",
      jsonNames: "camel",
      token: undefined,
    });
  });

  it("knows every setting by a flag and a variable of the same name", () => {
    const settings: readonly Setting[] = Object.values(SETTINGS);
    const flags = settings.flatMap((setting) => (setting.variables ? [] : (setting.flag ?? "")));
    for (const setting of settings.filter(({ variables }) => variables === undefined)) {
      const same = `FLEET_METADATA_${setting.flag?.replaceAll("-", "_").toUpperCase()}`;
      expect(variablesOf(setting)).toEqual([same]);
    }
    expect(new Set(flags).size).toBe(flags.length);
    expect(flags).not.toContain("");
    const others = settings.flatMap(({ variables }) => variables ?? []);
    // Those of others, named as they have it.
    const ofGitHub = ["GITHUB_TOKEN", "GH_TOKEN", "GH_HOST", "GITHUB_SERVER_URL", "GITHUB_API_URL"];
    expect(others.filter((name) => !name.startsWith("OTEL_"))).toEqual(ofGitHub);
  });

  it("reads lists from flags and variables", () => {
    const env = { FLEET_METADATA_ALLOWED_HOST: "a.example, *.B.example" };
    expect(configOf({ env }).allowedHosts).toEqual(["a.example", "*.b.example"]);
    expect(
      configOf({ flags: { allowedOrigins: "https://a.example,https://b.example:1" } }).allowedOrigins,
    ).toEqual(["https://a.example", "https://b.example:1"]);
  });

  it("adds Coder's names to the hosts, from the environment of the process alone", () => {
    const coder = "https://{{port}}--main--w--o.apps.example.com";
    const flags = { allowedHosts: "a.example" };
    expect(configOf({ flags, env: { VSCODE_PROXY_URI: coder } }).allowedHosts).toEqual([
      "a.example",
      "*--w--o.apps.example.com",
    ]);
    expect(configOf({ envFile: envFile(`VSCODE_PROXY_URI=${coder}\n`) }).allowedHosts).toEqual([]);
  });

  it("finds paths from the working directory", () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, "project"));
    writeFileSync(join(cwd, "token"), "secret\n");
    writeFileSync(join(cwd, "settings"), "FLEET_METADATA_LOG_LEVEL=warn\n");
    const flags = { workspace: "project", taskFile: "task.json", tokenFile: "token" };
    expect(configOf({ cwd, flags, envFile: "settings" })).toMatchObject({
      workspace: join(cwd, "project"),
      taskFile: join(cwd, "task.json"),
      token: "secret",
      logLevel: "warn",
    });
  });

  it("asks the server where it would listen, unless told otherwise", () => {
    expect(configOf({ flags: { listen: "[::1]:9" } }).url).toBe("http://[::1]:9");
    expect(configOf({ flags: { listen: "unix:/run/a.sock" } }).url).toBe("unix:/run/a.sock");
    expect(configOf({ flags: { listen: ":1", url: "https://a.example" } }).url).toBe("https://a.example");
  });
});

describe("what is asked for the agent's task", () => {
  it("is AgentAPI at an address, or none", () => {
    const url = "http://127.0.0.1:4000/agent";
    expect(configOf({ flags: { agentapiUrl: url } }).agentapiUrl).toBe(url);
    expect(configOf({ flags: { agentapiUrl: "none" } }).agentapiUrl).toBe("none");
  });

  it("is Coder, with a token from a file, which is never shown when it is wrong", () => {
    const flags = { coderUrl: "https://coder.example.com", coderTokenFile: envFile("abc\n") };
    expect(configOf({ flags })).toMatchObject(flags);
    expect(refusal({ flags: { coderTokenFile: envFile("s3cr3t with a blank") } })).toBe(
      "--coder-token-file: the token is not valid; allowed are one or more visible ASCII characters",
    );
  });

  it("holds for as long as it is told", () => {
    expect(configOf({ flags: { taskStaleAfterMs: "90s" } }).taskStaleAfterMs).toBe(90_000);
  });
});

describe("a setting that is wrong", () => {
  const wrong: Partial<Record<SettingName, readonly string[]>> = {
    workspace: [
      "/does/not/exist",
      "/etc/passwd",
      "/etc/passwd/below",
      `/tmp/${"x".repeat(1_000)}`,
      "/a\nb",
      "",
      "/\0",
    ],
    listen: ["8000", "host:65536", "unix:", "a b:1"],
    allowUnauthenticated: ["yes", "1", "TRUE"],
    allowedHosts: ["a b", "a,,b", "https://a", "a:80"],
    allowedOrigins: ["example.com", "https://a/b", "*", "null"],
    taskFile: [""],
    githubTokenFile: [""],
    taskStaleAfterMs: ["15", "500ms", "1441m"],
    agentapiUrl: ["localhost:3284", "ftp://a", "off", "http://user@a", "http://a/?b"],
    coderUrl: ["coder.example.com", "none", "https://a:b@c", "https://a#b", "unix:/a"],
    coderTokenFile: ["/does/not/exist", ""],
    gitDeadlineMs: ["5", "99ms", "11m", "soon"],
    noWatch: ["no", "0"],
    jsonNames: ["snake", "Camel", ""],
    logLevel: ["loud", "INFO"],
    logFormat: ["xml"],
    url: ["localhost:8000", "ftp://a", "a b", "unix:relative", "http://"],
  };
  const cases = Object.entries(wrong).flatMap(([name, values]) =>
    values.map((value) => [name as SettingName, value] as const),
  );

  it.each(cases)("names itself, the value and what is allowed, in one line: %s, %j", (name, value) => {
    const setting: Setting = SETTINGS[name];
    // What stands before a host may be a password.
    const shown = JSON.stringify(value.replace(/\/\/[^/]*@/, "//********@")).slice(1, -1);
    const message = refusal({ flags: { [name]: value } });
    expect(message).toMatch(new RegExp(`^--${setting.flag}: `));
    expect(message).toContain(shown);
    expect(message).toMatch(/; allowed (is|are) /);
    if (value !== "") {
      const [variable] = variablesOf(setting);
      expect(refusal({ env: { [variable]: value } })).toMatch(
        new RegExp(`^${variable}: .*; allowed (is|are) `),
      );
    }
  });

  it("in the file of settings says so", () => {
    expect(refusal({ envFile: envFile("FLEET_METADATA_LOG_LEVEL=loud") })).toMatch(
      /^FLEET_METADATA_LOG_LEVEL \(in the file named by --env-file\): "loud" is not valid; allowed are trace, /,
    );
  });

  it("as a workspace that leads in circles is refused like one that is not there", () => {
    const path = join(temporaryDirectory(), "loop");
    symlinkSync(path, path);
    expect(refusal({ flags: { workspace: path } })).toBe(
      `--workspace: "${path}" is not valid; allowed is a directory that exists`,
    );
  });

  it.each(["/does/not/exist", "/"])("as a file of settings names itself: %s", (path) => {
    expect(refusal({ envFile: path })).toMatch(
      new RegExp(`^--env-file: "${path}" cannot be read \\((ENOENT|EISDIR)\\); allowed is a readable file$`),
    );
  });
});

describe("a file that a setting names", () => {
  const settings: readonly [string, (file: string) => Partial<ConfigInput>][] = [
    ["--env-file", (file) => ({ envFile: file })],
    ["--token-file", (file) => ({ flags: { tokenFile: file } })],
    ["--coder-token-file", (file) => ({ flags: { coderTokenFile: file } })],
    ["--tls-cert", (file) => ({ flags: { tlsCert: file, tlsKey: "/dev/null" } })],
    ["--tls-key", (file) => ({ flags: { tlsCert: "/dev/null", tlsKey: file } })],
  ];

  it.each(settings)("is not waited for when it is a pipe: %s", (name, input) => {
    const pipe = join(temporaryDirectory(), "pipe");
    execFileSync("mkfifo", [pipe]);
    // Another process, since a blocked one ends by no deadline of its own.
    const script = `
      import { createConfig } from ${JSON.stringify(join(import.meta.dirname, "../src/config.ts"))};
      const given = JSON.parse(process.argv[1]);
      try { createConfig({ flags: {}, env: {}, cwd: "/", ...given }); } catch (error) { console.log(error.message); }`;
    const said = execFileSync(
      process.execPath,
      ["--input-type=module", "--eval", script, JSON.stringify(input(pipe))],
      { encoding: "utf8", timeout: 20_000 },
    );
    expect(said).toBe(`${name}: "${pipe}" cannot be read (a pipe); allowed is a readable file\n`);
  });

  it.each(settings)("is read to a bound: %s", (name, input) => {
    expect(refusal(input("/dev/zero"))).toBe(
      `${name}: "/dev/zero" cannot be read (larger than 1048576 bytes); allowed is a readable file`,
    );
  });
});

describe("the token", () => {
  const secret = "s3cr3t with a blank";

  it("comes from a flag, a variable or a file, whose line break does not count", () => {
    const tokenFile = envFile("  abc\n");
    expect(configOf({ flags: { token: "abc" } }).token).toBe("abc");
    expect(configOf({ env: { FLEET_METADATA_TOKEN: "abc" } }).token).toBe("abc");
    expect(configOf({ flags: { tokenFile } }).token).toBe("abc");
  });

  it.each([secret, "", "a\nb", "é", "a\tb", "\u202e"])("is never shown when it is wrong: %j", (token) => {
    const message = refusal({ flags: { token } });
    expect(message).toBe("--token: the token is not valid; allowed are one or more visible ASCII characters");
    const tokenFile = envFile(token);
    expect(refusal({ env: { FLEET_METADATA_TOKEN_FILE: tokenFile } })).toBe(
      "FLEET_METADATA_TOKEN_FILE: the token is not valid; allowed are one or more visible ASCII characters",
    );
  });

  it("comes from one place only", () => {
    expect(refusal({ flags: { token: "abc" }, env: { FLEET_METADATA_TOKEN_FILE: envFile("def") } })).toBe(
      "--token and --token-file are both set; allowed is one of them",
    );
  });

  it("comes from a file that can be read", () => {
    expect(refusal({ flags: { tokenFile: "/does/not/exist" } })).toBe(
      '--token-file: "/does/not/exist" cannot be read (ENOENT); allowed is a readable file',
    );
    expect(refusal({ flags: { tokenFile: "/" } })).toContain("EISDIR");
    expect(refusal({ flags: { tokenFile: "/\0" } })).toMatch(/^--token-file: /);
  });

  it.each(["0.0.0.0:8000", "[::]:8000", "10.0.0.1:0", "my-host:80"])(
    "S6: is required to listen on %s, which is not loopback",
    (listen) => {
      const input = { flags: { listen } };
      expect(() => requireSafeListener(configOf(input))).toThrow(
        new ConfigError(
          `--listen: "${listen}" is not loopback; allowed with --token-file, --token or --allow-unauthenticated`,
        ),
      );
      expect(() => requireSafeListener(configOf({ flags: { listen, token: "abc" } }))).not.toThrow();
      expect(() =>
        requireSafeListener(configOf({ flags: { listen, allowUnauthenticated: "true" } })),
      ).not.toThrow();
    },
  );

  it.each([":0", "localhost:1", "[::1]:1", "unix:/tmp/a.sock"])(
    "is not required to listen on %s",
    (listen) => {
      expect(() => requireSafeListener(configOf({ flags: { listen } }))).not.toThrow();
    },
  );
});

describe("the GitHub token", () => {
  const githubOf = (env: Record<string, string>, flags: ConfigInput["flags"] = {}) =>
    configOf({ env, flags, cwd: "/tmp" }).github;

  it("is GITHUB_TOKEN's, else GH_TOKEN's, also of a file of settings", () => {
    expect(githubOf({ GITHUB_TOKEN: "a", GH_TOKEN: "b" }).token).toBe("a");
    expect(githubOf({ GITHUB_TOKEN: "", GH_TOKEN: " b\n" }).token).toBe("b");
    const file = envFile("GITHUB_TOKEN=c\n");
    expect(configOf({ envFile: file }).github.token).toBe("c");
    expect(configOf({ envFile: file, env: { GH_TOKEN: "b" } }).github.token).toBe("b");
  });

  it("may be in a file, which need not be there yet", () => {
    expect(githubOf({}, { githubTokenFile: "token" }).tokenFile).toBe("/tmp/token");
    expect(githubOf({ FLEET_METADATA_GITHUB_TOKEN_FILE: "/a" }).tokenFile).toBe("/a");
  });

  it.each(["ghp_s3cr3t with a blank", "s3cr3t\u202e", "s3\0cr3t", "s3cr3té", " "])(
    "P20: is never shown when it is wrong: %j",
    (token) => {
      for (const variable of ["GITHUB_TOKEN", "GH_TOKEN"]) {
        expect(refusal({ env: { [variable]: token } })).toBe(
          `${variable}: the value is not valid; allowed are one or more visible ASCII characters`,
        );
      }
    },
  );

  it.each([`ghp_${"a".repeat(36)}`, `github_pat_${"a".repeat(82)}`, `ghs_${"a.b".repeat(200)}`])(
    "P20: may have any of GitHub's forms: %s",
    (token) => {
      expect(githubOf({ GH_TOKEN: token }).token).toBe(token);
    },
  );
});

describe("the GitHub server", () => {
  const addressOf = (env: Record<string, string>) => {
    const { host, apiUrl } = configOf({ env }).github;
    return [host, apiUrl];
  };

  it.each<[Record<string, string>, readonly [host: string, apiUrl: string]]>([
    [{ GITHUB_API_URL: "http://127.0.0.1:9/" }, ["github.com", "http://127.0.0.1:9"]],
    [{ GITHUB_SERVER_URL: "https://github.com" }, ["github.com", "https://api.github.com"]],
    [{ GH_HOST: "www.GitHub.com" }, ["github.com", "https://api.github.com"]],
    [{ GH_HOST: "git.corp.example" }, ["git.corp.example", "https://git.corp.example/api/v3"]],
    [
      { GITHUB_SERVER_URL: "https://git.corp.example:8443/" },
      ["git.corp.example", "https://git.corp.example:8443/api/v3"],
    ],
    [{ GH_HOST: "octo.ghe.com" }, ["octo.ghe.com", "https://api.octo.ghe.com"]],
    [{ GITHUB_SERVER_URL: "https://octo.ghe.com" }, ["octo.ghe.com", "https://api.octo.ghe.com"]],
    [
      { GH_HOST: "git.corp.example", GITHUB_API_URL: "https://proxy.example/github" },
      ["git.corp.example", "https://proxy.example/github"],
    ],
    // As in a job of GitHub Actions, in which somebody names another server.
    [
      {
        GH_HOST: "git.corp.example",
        GITHUB_SERVER_URL: "https://github.com",
        GITHUB_API_URL: "https://api.github.com",
      },
      ["git.corp.example", "https://git.corp.example/api/v3"],
    ],
    [
      {
        GH_HOST: "git.corp.example",
        GITHUB_SERVER_URL: "https://git.corp.example:8443",
        GITHUB_API_URL: "http://localhost:9/api",
      },
      ["git.corp.example", "http://localhost:9/api"],
    ],
  ])("P1, S24: is named by the environment, and so is its API: %j", (env, expected) => {
    expect(addressOf(env)).toEqual(expected);
  });

  it("S24: is never asked by github.com's API", () => {
    const env = { GH_HOST: "git.corp.example", GITHUB_API_URL: "https://api.github.com/" };
    expect(refusal({ env })).toBe(
      'GITHUB_API_URL: "https://api.github.com" is not valid beside another server than github.com; allowed is that server\'s API',
    );
  });

  it.each([
    ["GH_HOST", "https://a.example", "allowed is a host name without port"],
    ["GH_HOST", "a.example:80", "allowed is a host name without port"],
    ["GITHUB_SERVER_URL", "a.example", "allowed is https://host/path, with http on loopback only, "],
    ["GITHUB_API_URL", "http://a.example", "allowed is https://host/path, with http on loopback only, "],
    ["GITHUB_API_URL", "http://127.0.0.1.a.example", "allowed is https://host/path, "],
    ["GITHUB_API_URL", "https://a.example/?x", "allowed is https://host/path, "],
    ["GITHUB_API_URL", "file:///etc", "allowed is https://host/path, "],
  ])("S24: gets a token over TLS or on loopback only: %s=%s", (variable, value, allowed) => {
    expect(refusal({ env: { [variable]: value } })).toContain(
      `${variable}: ${JSON.stringify(value)} is not valid; ${allowed}`,
    );
  });
});

describe("an address with a password in it", () => {
  it("P20: is refused without showing that", () => {
    const message = refusal({ env: { GITHUB_API_URL: "https://user:ghp_s3cr3t@a.example/x" } });
    expect(message).toContain('GITHUB_API_URL: "https://********@a.example/x" is not valid; ');
  });

  it.each([
    ["GH_HOST", "user:s3cr3t@a.example", "********@a.example"],
    ["FLEET_METADATA_AGENTAPI_URL", "http:/user:s3cr3t@a", "http:/********@a"],
    ["FLEET_METADATA_AGENTAPI_URL", "http://user:s3/cr3t@a:1", "http://********@a:1"],
    ["FLEET_METADATA_CODER_URL", "https://a/?x&token=s3cr3t#b", "https://a/?x&token=********#b"],
    [
      "FLEET_METADATA_ALLOWED_ORIGIN",
      "http://a.example,http://user:s3cr3t@b",
      "http://a.example,http://********@b",
    ],
  ])("is refused without showing it, however it is spelt: %s=%s", (variable, value, shown) => {
    const message = refusal({ env: { [variable]: value } });
    expect(message).toContain(`${variable}: ${JSON.stringify(shown)} is not valid; `);
    expect(message).not.toContain("cr3t");
  });
});

describe("the workspace", () => {
  it("S24: configures nothing, whatever lies in it", () => {
    const workspace = temporaryDirectory();
    const settings = Object.values(SETTINGS).flatMap((setting) =>
      variablesOf(setting).map((variable) => `${variable}=harm\n`),
    );
    for (const name of [".env", ".env.local", ".envrc", "fleet-metadata.env", ".fleet-metadata"]) {
      writeFileSync(join(workspace, name), settings.join(""));
    }
    const elsewhere = configOf({ cwd: "/", flags: { workspace } });
    const here = configOf({ cwd: workspace });
    expect(here).toEqual({ ...elsewhere, workspace });
    expect(here).toEqual({ ...configOf(), workspace });
  });
});

describe("TLS", () => {
  it("needs a certificate and its key, and makes the server's address https", async () => {
    const { certFile: tlsCert, keyFile: tlsKey, cert } = await createCertificate();
    const config = configOf({ flags: { tlsCert, tlsKey } });
    expect(config.tls?.cert).toBe(cert);
    expect(config.url).toBe("https://127.0.0.1:8000");
    expect(refusal({ flags: { tlsCert } })).toBe(
      "--tls-key is missing; allowed are --tls-cert and --tls-key together, or neither",
    );
    expect(refusal({ flags: { tlsKey } })).toMatch(/^--tls-cert is missing/);
  });

  it("names the file that is wrong, never showing what is in it", async () => {
    const { certFile, keyFile } = await createCertificate();
    const other = await createCertificate();
    const nonsense = envFile("s3cr3t");
    const wrong = (tlsCert: string, tlsKey: string) => refusal({ flags: { tlsCert, tlsKey } });
    expect(wrong(nonsense, keyFile)).toBe(
      `--tls-cert: "${nonsense}" is not a PEM certificate; allowed is a PEM certificate`,
    );
    expect(wrong(certFile, nonsense)).toBe(
      `--tls-key: "${nonsense}" is not a PEM private key without passphrase; allowed is the PEM private key of the certificate`,
    );
    expect(wrong(certFile, other.keyFile)).toContain("is not the key of the certificate");
    expect(wrong("/does/not/exist", keyFile)).toContain("cannot be read (ENOENT)");
  });

  it("is not for Unix sockets", async () => {
    const { certFile: tlsCert, keyFile: tlsKey } = await createCertificate();
    expect(refusal({ flags: { tlsCert, tlsKey, listen: "unix:/tmp/s" } })).toMatch(
      /^--tls-cert: .*Unix socket/,
    );
  });
});

it("S25: any file of settings and any environment is a configuration, or refused with one line", () => {
  const variables = Object.values(SETTINGS).flatMap((setting: Setting) => variablesOf(setting));
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "true",
      "5s",
      "127.0.0.1:0",
      "unix:x",
      "*.example.com",
      "https://a.example",
      "json",
      "none",
      "/tmp",
      "99999999m",
    ),
  );
  const environment = fc.dictionary(fc.constantFrom(...variables), value, { maxKeys: 4 });
  const file = fc.oneof(
    fc.string({ unit: "binary" }),
    environment.map((given) =>
      Object.entries(given)
        .map(([name, text]) => `${name}=${text}`)
        .join("\n"),
    ),
  );
  const path = join(temporaryDirectory(), "env");
  fc.assert(
    fc.property(environment, file, (env, lines) => {
      writeFileSync(path, lines);
      try {
        configOf({ env, envFile: path });
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as ConfigError).message).not.toContain("\n");
      }
    }),
    { numRuns: 500 },
  );
});
