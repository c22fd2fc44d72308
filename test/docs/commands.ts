// Which commands of the documents are not simply run by commands.test.ts, and why. THE ONE PLACE for that: a command of a block of
// shell in any document is run as it stands, by itself, in the root of a copy of the project, and must succeed and print something,
// unless an entry here fits it. An entry that fits no command fails the test.

/** The whole command, with lines that end in "\" joined, or how it begins. */
type Matching = { readonly command: string } | { readonly begins: string };

/** What is done with a command. */
export type Treatment =
  | {
      /** It is never run by tests, for a reason that a reader of the document would accept. */
      readonly never: string;
    }
  | {
      /** It goes on until it is ended, or for longer than a test waits: it is ended when it has printed this. */
      readonly until: RegExp;
    }
  | {
      /** The test that runs it instead, together with what stands around it. */
      readonly test: string;
    }
  | {
      /** It prints nothing when all is well. */
      readonly silent: true;
    };

export const EXCEPTIONS: readonly (Matching & Treatment)[] = [
  { command: "npm start", until: /listening on http/ },
  { command: "npm test", never: "it is what runs this test" },

  { begins: "npm start -s -- task set", silent: true },
  { begins: "npm start -s -- task clear", silent: true },

  // docs/operations.md: a package that is not published, a daemon, a user's session.
  { begins: "npx fleet-metadata", test: "test/package/install.test.ts" },
  { begins: "npm install --global fleet-metadata", test: "test/package/install.test.ts" },
  { begins: "docker ", test: "test/deploy/docker.test.ts" },
  { begins: "systemctl --user", test: "test/deploy/systemd.test.ts" },
  { begins: "loginctl ", test: "test/deploy/systemd.test.ts" },

  // docs/clients.md: each needs the template or the program beside it.
  { command: "npx buf generate", test: "test/package/stubs.test.ts" },
  { command: "mkdir -p stubs", test: "test/package/stubs.test.ts" },
  { begins: "python3 -m grpc_tools.protoc", test: "test/package/stubs.test.ts" },
  { begins: "npx buf build node_modules/fleet-metadata/proto", test: "test/package/stubs.test.ts" },
  { begins: "python3 -c 'import sys; from grpc_tools", test: "test/package/stubs.test.ts" },
  {
    command: "grpcurl -plaintext 127.0.0.1:8000 fleet.metadata.v1.MetadataService/WatchMetadata",
    until: /"revision"/,
  },
  { command: "npm start -s -- watch 'git_*'", until: /^\{.*\}$/m },
  {
    command: "grpcurl -plaintext -max-time 60 127.0.0.1:8000 fleet.metadata.v1.MetadataService/WatchMetadata",
    until: /"revision"/,
  },
];

/** Programs in documents, and the test that runs or compiles those of a document and language. */
export const PROGRAMS: readonly {
  readonly document: string;
  readonly languages: readonly string[];
  readonly test: string;
}[] = [
  { document: "README.md", languages: ["ts"], test: "test/docs/readme.test.ts" },
  { document: "docs/clients.md", languages: ["ts"], test: "test/docs/clients.test.ts" },
  {
    document: "docs/clients.md",
    languages: ["typescript", "python", "go"],
    test: "test/package/stubs.test.ts",
  },
  { document: "deploy/coder/README.md", languages: ["tf"], test: "test/deploy/coder-module.test.ts" },
];

/** Blocks in these are no programs: answers, settings, drawings. */
export const DATA: readonly string[] = ["", "json", "proto", "text", "yaml"];

/** Flags of other programs that documents name within a line: docker's, and git's. */
export const FOREIGN_FLAGS: readonly string[] = [
  "--git-common-dir",
  "--git-dir",
  "--ignore-submodules",
  "--init",
  "--no-ext-diff",
  "--no-optional-locks",
];

/** What goes without saying, where no exception fits. */
const USUAL: readonly (readonly [fits: RegExp, treatment: Treatment])[] = [
  [/^(?:\w+=\S* +)*(?:\S*\/)?fleet-metadata(?: serve)?(?: --(?!version|help)|$)/, { until: /listening on / }],
  [/^(?:chmod|cp|install|ln|mkdir|mv|rm|touch) |[^|] ?>{1,2} ?\S+$/, { silent: true }],
];

/** What holds for a command: the entry that names it, else the one that names most of its beginning, else what is usual. */
export function treatmentOf(command: string): Treatment | undefined {
  const lengthOf = (entry: Matching): number => {
    if ("command" in entry) {
      return command === entry.command ? Number.POSITIVE_INFINITY : 0;
    }
    return command.startsWith(entry.begins) ? entry.begins.length : 0;
  };
  const [exception] = EXCEPTIONS.filter((entry) => lengthOf(entry) > 0).sort(
    (a, b) => lengthOf(b) - lengthOf(a),
  );
  return exception ?? USUAL.find(([fits]) => fits.test(command))?.[1];
}
