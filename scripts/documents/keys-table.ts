// docs/keys.md: the catalogue as a table for people.

import { createCatalogue, type Leaf } from "../../src/metadata/catalogue.ts";
import type { Comments } from "./comments.ts";

const HEAD = `# Keys

Every key that the server can serve, with what its absence means. A key's name is the path of its field in the typed tree,
joined by underscores: \`git.commit.hash\` is \`git_commit_hash\`. **L** marks the keys that a list of many workspaces should
show (\`includeInList\`). Generated from the proto files by \`npm run generate\`.
`;

/** The text of docs/keys.md. */
export function keysTable(comments: Comments): string {
  const sections = [...createCatalogue().bySource].map(([source, leaves]) =>
    section(source, leaves, comments),
  );
  return [HEAD, ...sections].join("\n");
}

function section(source: string, leaves: readonly Leaf[], comments: Comments): string {
  const rows = leaves.map(({ key, schema: { type, values, includeInList }, field }) => {
    const typeText = type === "enum" ? values.map((value) => `\`${value}\``).join(", ") : type;
    const meaning = comments.get(`${field.parent.typeName}.${field.name}`) ?? "";
    return `| \`${key}\` | ${includeInList ? "**L**" : ""} | ${typeText} | ${meaning.replaceAll("|", "\\|")} |`;
  });
  return [
    `## Source \`${source}\``,
    "",
    "| key | | type or values | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
