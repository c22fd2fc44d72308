// The JSON Schema of the task file, from the descriptors of `workspace.task`: the same words, types and descriptions as the
// keys of the flat map.

import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { TaskSchema } from "../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { createCatalogue, type Leaf } from "../../src/metadata/catalogue.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

/** What the descriptors do not say. */
const NARROWER: Readonly<Record<string, JsonSchema>> = {
  progress: { minimum: 0, maximum: 100 },
  url: { format: "uri", pattern: "^[hH][tT][tT][pP][sS]?:" },
};

/** Members that are no keys: of use to those who read and write the file only. */
const BESIDE: Readonly<Record<string, JsonSchema>> = {
  pid: {
    type: "integer",
    minimum: 1,
    description: "Process of the agent: a task that runs without it has failed",
  },
  pid_namespace: {
    type: "string",
    description:
      "What /proc/self/ns/pid leads to where `pid` is its number: elsewhere the number tells nothing",
  },
  cwd: {
    type: "string",
    pattern: "^/",
    description: "Directory that the task is about: a server of another one ignores the file",
  },
  session: { type: "string", description: "The agent's own name for its session" },
  asks: {
    type: "string",
    description: "What hooks have seen the user asked: as long as one question is open, the task waits",
  },
  order: {
    type: "string",
    description: "When the writer began: hooks that end out of order bring no older state back",
  },
};

/** Which evidence the status rests on is for the reader to say. */
const FOR_READERS = "source";

/** The schema as the text of a file. */
export function taskFileSchema(): string {
  const leaves = createCatalogue().leaves.filter(
    ({ field }) => field.parent.typeName === TaskSchema.typeName && field.name !== FOR_READERS,
  );
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "The task file of fleet-metadata",
    description: "What the coding agent in a workspace is doing. Write it whole and rename it into place.",
    type: "object",
    required: ["status"],
    // Other members are ignored: a newer writer may meet an older reader.
    properties: Object.fromEntries([
      ...leaves.map((leaf) => [leaf.field.name, { ...member(leaf), ...NARROWER[leaf.field.name] }]),
      ...Object.entries(BESIDE),
    ]),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function member({ field, schema: { type, values, description } }: Leaf): JsonSchema {
  const isTime = field.fieldKind === "message" && field.message.typeName === TimestampSchema.typeName;
  return {
    ...(type === "enum" ? { enum: values } : { type }),
    ...(isTime && { format: "date-time" }),
    description,
  };
}
