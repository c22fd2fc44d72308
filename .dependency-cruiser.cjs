// The arrows of the house: main -> command-line -> cli -> server -> {sources, rpc, http} -> metadata -> collectors, and for
// the hooks of agents main -> hooks. `gen` and `attempt.ts` may be imported anywhere.

const NOT_DEPENDENCIES = ["npm-dev", "npm-no-pkg", "npm-unknown", "unknown", "undetermined"];

/** Development dependencies that are in the bundle, so that those who install it need not install them. */
const BUNDLED = [
  "@octokit/rest",
  "@opentelemetry/api",
  "@opentelemetry/core",
  "@opentelemetry/otlp-transformer",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-trace",
  "commander",
  "fastest-levenshtein",
  "pino",
  "pino-pretty",
  "prom-client",
  "zod",
];

/** What any room may import. */
const ANYWHERE = ["gen/", "attempt.ts"];

/** Everything under src that `room` must not import: all rooms but those named, itself and what any room may. */
const only = (room, allowed) => ({
  name: `${room.replaceAll(/[^a-z]+/g, "-")}-imports-only`,
  comment: `src/${room} may import ${[...allowed, ...ANYWHERE].join(", ")} and itself.`,
  severity: "error",
  from: { path: `^src/${room}` },
  to: {
    path: "^src/",
    pathNot: [room, ...ANYWHERE, ...allowed].map((name) => `^src/${name}`),
  },
});

/** What commands may import beside each other. */
const CLI = [
  "config",
  "server.ts",
  "sources.ts",
  "client/",
  "hooks/",
  "task-file/",
  "metadata/",
  "observability/",
];

module.exports = {
  forbidden: [
    only("gen/", []),
    only("collectors/", ["task-file/"]),
    only("metadata/", [
      "collectors/collector.ts",
      "collectors/remote-collector.ts",
      "collectors/checkout.ts",
      "collectors/clock.ts",
    ]),
    only("rpc/", ["metadata/"]),
    only("rpc/reflection/", []),
    only("http/", ["metadata/"]),
    only("observability/", []),
    only("client/", []),
    only("page/", ["client/"]),
    only("task-file/", []),
    only("hooks/", ["config-environment.ts", "task-file/"]),
    only("config", []),
    only("server.ts", ["config", "sources.ts", "rpc/", "http/", "metadata/", "observability/"]),
    only("sources.ts", ["config", "metadata/", "collectors/", "observability/"]),
    only("cli/(?!doctor)", ["cli/", ...CLI]),
    // Looks at what the collectors look at, with their own functions.
    only("cli/doctor", ["cli/", "collectors/", ...CLI]),
    only("command-line.ts", ["cli/", "config", "headers.ts", "page-file.ts", "version.ts"]),
    only("main.ts", ["command-line.ts", "heap.ts", "hooks/", "config-environment.ts"]),
    {
      name: "hooks-load-nothing-else",
      comment:
        "An agent waits for its hooks: the rest of the program is loaded when it is needed, packages never.",
      severity: "error",
      from: { path: "^src/(main\\.ts|hooks/|task-file/)" },
      to: { path: "^src/command-line\\.ts|node_modules/", dynamic: false },
    },
    {
      name: "collectors-stay-apart",
      comment: "One collector never imports another one's room.",
      severity: "error",
      from: { path: "^src/collectors/([^/]+)/" },
      to: { path: "^src/collectors/[^/]+/", pathNot: "^src/collectors/$1/" },
    },
    {
      name: "connect-only-at-the-edge",
      comment: "Domain code never imports the RPC library.",
      severity: "error",
      from: { path: "^src/(collectors|metadata|observability|http)/" },
      to: { path: "node_modules/@connectrpc/" },
    },
    {
      name: "traces-are-loaded-when-there-are-any",
      comment: "A server without them pays nothing for them.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/observability/tracing/(?!start-tracing\\.ts)" },
      to: {
        path: "^src/observability/tracing/(?!(start-)?tracing\\.ts)|node_modules/@opentelemetry/",
        dynamic: false,
      },
    },
    {
      name: "sources-do-not-import-tests",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench|scripts)/" },
    },
    {
      name: "the-page-stays-apart",
      comment: "It runs in browsers; the server reads it as one text.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/page/" },
      to: { path: "^src/page/" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "the-client-imports-dependencies-only",
      comment: "What is not installed with the package is not there for the programs that import the client.",
      severity: "error",
      from: { path: "^src/(client|gen)/" },
      to: { dependencyTypes: NOT_DEPENDENCIES },
    },
    {
      name: "the-program-is-made-of-packages-that-are-named",
      comment: "The build puts whatever is imported into the program, tools for tests included.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(client|gen)/" },
      to: { dependencyTypes: NOT_DEPENDENCIES, pathNot: `node_modules/(${BUNDLED.join("|")})/` },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: [".ts", ".mjs", ".cjs", ".js", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
    },
  },
};
