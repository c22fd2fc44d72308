// The table of limits in docs/security.md, from the constants in the sources and their comments: value and reason stand in one
// place, and a limit without a reason fails.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { SETTINGS, type Setting } from "../../src/config-settings.ts";

/** Names of constants at the top of a file that are limits. */
const IS_LIMIT =
  /^MAX_|_MAX_|^MOST_|^KEPT_|LIMITS$|DEADLINE|TIMEOUT|WAIT_MS|GIVE_UP|LINGER|GRACE|CAPACITY|DEPTH|STALE_MS|BUDGET_MS|READ_UNTIL/;

/** Settings that set a limit, by the constant of the limit. */
const FLAGS: Readonly<Record<string, Setting>> = { DEFAULT_GIT_DEADLINE_MS: SETTINGS.gitDeadlineMs };

/** Folders and files under src, and what their limits are about. */
const ROOMS = [
  ["http/", "The port"],
  ["rpc/", "RPCs"],
  ["metadata/", "What is served, and asked for"],
  ["collectors/git/", "Git"],
  ["collectors/task/", "The agent's task"],
  ["collectors/github/", "GitHub"],
  ["collectors/", "What collectors share"],
  ["task-file/", "The task file"],
  ["hooks/", "Hooks of coding agents"],
  ["observability/", "Log, metrics and traces"],
  ["config", "Settings"],
  ["server.ts", "The server"],
  ["sources.ts", "Sources"],
  ["cli/", "The command line"],
  ["client/", "The client library"],
] as const;

interface Limit {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
}

/** @throws when a limit has no comment, or lies in no room. */
export function limitsTable(root: string): string {
  const src = join(root, "src");
  const files = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("gen/"))
    .sort();
  const limits = files.map((file) => [file, limitsOf(join(src, file))] as const);
  const lost = limits.filter(([file, found]) => found.length > 0 && roomOf(file) === undefined);
  if (lost.length > 0) {
    throw new Error(
      `limits in a room that the table does not have: ${lost.map(([file]) => file).join(", ")}`,
    );
  }
  return ROOMS.map(([room, title]) => {
    const rows = limits
      .filter(([file]) => roomOf(file) === room)
      .flatMap(([file, found]) =>
        found.map(({ name, value, reason }) => {
          const flag = FLAGS[name]?.flag;
          const shown = flag === undefined ? value : `${value}, \`--${flag}\``;
          return `| \`${name}\` | ${shown} | ${reason} | [${room.endsWith("/") ? relative(room, file) : file}](../src/${file}) |`;
        }),
      );
    return [
      `### ${title}`,
      "",
      "| limit | value | what and why | in |",
      "|---|---|---|---|",
      ...rows,
      "",
    ].join("\n");
  }).join("\n");
}

function roomOf(file: string): string | undefined {
  return ROOMS.find(([room]) => file.startsWith(room))?.[0];
}

function limitsOf(path: string): Limit[] {
  const file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const values = new Map<string, number>();
  const limits: Limit[] = [];
  let inherited = "";
  for (const statement of file.statements) {
    const isApart = /\n\s*\n/.test(statement.getFullText().slice(0, -statement.getText().length));
    inherited = commentOf(statement) || (isApart ? "" : inherited);
    const [declaration] = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [];
    const initializer = declaration?.initializer && bare(declaration.initializer);
    if (declaration === undefined || initializer === undefined) {
      continue;
    }
    const name = declaration.name.getText();
    const value = numberOf(initializer, values);
    if (value !== undefined) {
      values.set(name, value);
    }
    if (!IS_LIMIT.test(name)) {
      continue;
    }
    if (value !== undefined) {
      limits.push({ name, value: shown(name, value), reason: inherited });
    } else if (ts.isObjectLiteralExpression(initializer)) {
      limits.push(...membersOf(name, initializer, documented(file, declaration.type?.getText()), values));
    }
  }
  const bareLimit = limits.find(({ reason }) => reason === "");
  if (bareLimit !== undefined) {
    throw new Error(`${path}: ${bareLimit.name} has no comment that says why`);
  }
  return limits;
}

/** The limits that an object holds. Their comments stand there, or in its interface, or half here and half there. */
function membersOf(
  name: string,
  object: ts.ObjectLiteralExpression,
  documentation: ReadonlyMap<string, string>,
  values: ReadonlyMap<string, number>,
): Limit[] {
  return object.properties.filter(ts.isPropertyAssignment).map((property) => {
    const member = property.name.getText();
    const reason = [documentation.get(member) ?? "", commentOf(property)]
      .filter((text) => text !== "")
      .join(" ");
    const initializer = bare(property.initializer);
    const parts = ts.isObjectLiteralExpression(initializer)
      ? initializer.properties.filter(ts.isPropertyAssignment).map((part) => {
          const value = numberOf(bare(part.initializer), values) ?? Number.NaN;
          return `${part.name.getText()} ${shown(member, value)}`;
        })
      : [shown(member, numberOf(initializer, values) ?? Number.NaN)];
    return { name: `${name}.${member}`, value: parts.join(", "), reason };
  });
}

/** The comments on the members of an interface in the same file. */
function documented(file: ts.SourceFile, type: string | undefined): ReadonlyMap<string, string> {
  const found = file.statements.filter(ts.isInterfaceDeclaration).find(({ name }) => name.text === type);
  return new Map(found?.members.map((member) => [member.name?.getText() ?? "", commentOf(member)]));
}

/** What stands above a node, as one line. */
function commentOf(node: ts.Node): string {
  const text = node.getFullText().slice(0, node.getStart() - node.getFullStart());
  const last =
    text
      .trim()
      .split(/\n\s*\n/)
      .at(-1) ?? "";
  return last
    .replaceAll(/\/\*\*|\*\/|^\s*\/\/|^\s*\*(?!\/)/gm, " ")
    .replaceAll(/\{@link ([^}]*)\}/g, "`$1`")
    .replaceAll(/\s+/g, " ")
    .replaceAll("|", "\\|")
    .trim();
}

function bare(expression: ts.Expression): ts.Expression {
  return ts.isAsExpression(expression) ||
    ts.isParenthesizedExpression(expression) ||
    ts.isSatisfiesExpression(expression)
    ? bare(expression.expression)
    : expression;
}

/** The value of a number, a product or sum of numbers, or the length of a text. Undefined: it is something else. */
function numberOf(given: ts.Expression, values: ReadonlyMap<string, number>): number | undefined {
  const expression = bare(given);
  if (ts.isNumericLiteral(expression)) {
    return Number(expression.text);
  }
  if (ts.isIdentifier(expression)) {
    return values.get(expression.text);
  }
  if (ts.isPropertyAccessExpression(expression) && ts.isStringLiteral(expression.expression)) {
    return expression.expression.text.length;
  }
  if (!ts.isBinaryExpression(expression)) {
    return undefined;
  }
  const [left, right] = [numberOf(expression.left, values), numberOf(expression.right, values)];
  const operate = OPERATORS[expression.operatorToken.getText()];
  return left === undefined || right === undefined ? undefined : operate?.(left, right);
}

const OPERATORS: Readonly<Record<string, (left: number, right: number) => number>> = {
  "*": (left, right) => left * right,
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "/": (left, right) => left / right,
  "**": (left, right) => left ** right,
};

/** A value with the unit that its name has. */
function shown(name: string, value: number): string {
  if (/ms$/i.test(name)) {
    return inUnits(value, [
      [86_400_000, "d"],
      [3_600_000, "h"],
      [60_000, "min"],
      [1_000, "s"],
      [1, "ms"],
    ]);
  }
  if (/bytes$/i.test(name)) {
    return inUnits(value, [
      [1_048_576, "MiB"],
      [1_024, "KiB"],
      [1, "bytes"],
    ]);
  }
  return value.toLocaleString("en-US");
}

/** In the largest unit of which it is a whole number. */
function inUnits(value: number, units: readonly (readonly [size: number, name: string])[]): string {
  const [size, name] = units.find(([each]) => value >= each && value % each === 0) ?? [
    1,
    units.at(-1)?.[1] ?? "",
  ];
  return `${(value / size).toLocaleString("en-US")} ${name}`;
}
