// The catalogue of keys, derived from the descriptors of the metadata tree. There is no other list of keys.

import {
  create,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  ScalarType,
} from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { distance } from "fastest-levenshtein";
import { type EntrySchema, EntrySchemaSchema } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { key as keyOption, source as sourceOption } from "../gen/fleet/metadata/v1/options_pb.ts";
import { WorkspaceMetadataSchema } from "../gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { METADATA_LIMITS } from "./limits.ts";

/** One leaf of the metadata tree. */
export interface Leaf {
  /** Its key in the flat map. */
  readonly key: string;
  /** The fields from the root of the tree to the leaf; never empty, the last one is the leaf. */
  readonly path: readonly DescField[];
  readonly field: DescField;
  /** Name of the source that it comes from. */
  readonly source: string;
  /** What the catalogue says about it. Shared by all answers: never changed. */
  readonly schema: EntrySchema;
}

/** All leaves of a metadata tree. */
export interface Catalogue {
  readonly root: DescMessage;
  /** In the order of their definition, depth first. */
  readonly leaves: readonly Leaf[];
  readonly byKey: ReadonlyMap<string, Leaf>;
  /** The leaves of each source, by its name; the sources in the order in which the tree first names them. */
  readonly bySource: ReadonlyMap<string, readonly Leaf[]>;
}

/**
 * Reads the catalogue from the descriptors.
 *
 * @throws {Error} when the tree breaks a rule: a leaf without description or source, two leaves with one key, a key that
 * is too long, a field that is neither a leaf nor a message of leaves, a type that has no place in the flat map.
 */
export function createCatalogue(root: DescMessage = WorkspaceMetadataSchema): Catalogue {
  const leaves: Leaf[] = [];
  collectLeaves(root, [], undefined, leaves);
  const byKey = new Map<string, Leaf>();
  for (const leaf of leaves) {
    const other = byKey.get(leaf.key);
    if (other !== undefined) {
      throw new Error(`${describe(leaf.field)} and ${describe(other.field)} have the same key "${leaf.key}"`);
    }
    byKey.set(leaf.key, leaf);
  }
  return { root, leaves, byKey, bySource: Map.groupBy(leaves, ({ source }) => source) };
}

/** The known key that is closest to an unknown one, for an error message. */
export function closestKey(catalogue: Catalogue, unknown: string): string | undefined {
  const wanted = unknown.slice(0, METADATA_LIMITS.keyCharacters).toLowerCase();
  let closest: { key: string; edits: number } | undefined;
  for (const { key } of catalogue.leaves) {
    const edits = distance(wanted, key);
    if (closest === undefined || edits < closest.edits) {
      closest = { key, edits };
    }
  }
  return closest?.key;
}

function collectLeaves(
  message: DescMessage,
  parents: readonly DescField[],
  inheritedSource: string | undefined,
  leaves: Leaf[],
): void {
  const messageSource = hasOption(message, sourceOption) ? getOption(message, sourceOption) : inheritedSource;
  for (const field of message.fields) {
    const path = [...parents, field];
    if (hasOption(field, keyOption)) {
      leaves.push(createLeaf(path, field, messageSource));
    } else if (field.fieldKind === "message" && field.message.typeName !== TimestampSchema.typeName) {
      if (parents.some((parent) => parent.message?.typeName === field.message.typeName)) {
        throw new Error(`${describe(field)} makes the tree endless`);
      }
      collectLeaves(field.message, path, messageSource, leaves);
    } else {
      throw new Error(`${describe(field)} is neither a message nor a leaf: give it the option (key)`);
    }
  }
}

function createLeaf(path: readonly DescField[], field: DescField, inheritedSource: string | undefined): Leaf {
  const options = getOption(field, keyOption);
  const source = options.source ?? inheritedSource;
  const key = path.map((step) => step.name).join("_");
  if (options.description === "") {
    throw new Error(`${describe(field)} has no description`);
  }
  if (source === undefined) {
    throw new Error(`${describe(field)} has no source, and no message around it has one`);
  }
  if (key.length > METADATA_LIMITS.keyCharacters) {
    throw new Error(`${describe(field)} has a key of ${key.length} characters: "${key}"`);
  }
  const schema = create(EntrySchemaSchema, {
    type: typeOf(field),
    description: options.description,
    includeInList: options.includeInList,
    values: field.fieldKind === "enum" ? enumValues(field) : [],
  });
  return { key, path, field, source, schema };
}

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "enum":
      return "enum";
    case "message":
      if (field.message.typeName === TimestampSchema.typeName) {
        return "string";
      }
      break;
    case "list":
      if (field.listKind === "scalar" && field.scalar === ScalarType.STRING) {
        return "string";
      }
      break;
    case "scalar":
      switch (field.scalar) {
        case ScalarType.STRING:
          return "string";
        case ScalarType.BOOL:
          return "boolean";
        case ScalarType.DOUBLE:
        case ScalarType.FLOAT:
        case ScalarType.INT32:
        case ScalarType.UINT32:
          return "number";
      }
  }
  throw new Error(`${describe(field)} has a type that has no place in the flat map`);
}

/** Names of an enum's values in the flat map, UNSPECIFIED left out, because it means absence. */
function enumValues(field: DescField & { fieldKind: "enum" }): string[] {
  return field.enum.values
    .filter(({ number }) => number !== 0)
    .map(({ number }) => enumValueName(field, number));
}

/** The name of an enum value in the flat map: lower case, without its prefix. Empty when the number is not defined. */
export function enumValueName(field: DescField & { fieldKind: "enum" }, number: number): string {
  const name = field.enum.value[number]?.name.toLowerCase() ?? "";
  return name.slice(field.enum.sharedPrefix?.length ?? 0);
}

function describe(field: DescField): string {
  return `field ${field.parent.typeName}.${field.name}`;
}
