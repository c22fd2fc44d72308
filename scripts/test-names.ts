// Finds the names of tests in the text of a test file, by its syntax tree. Runs nothing, touches no file.

import ts from "typescript";

/** One name given to a test or to a suite of tests. */
export interface TestName {
  /** What can be known without running the file: "…" stands for the rest. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
  /** False when it is skipped, still to do, or expected to fail: it shows nothing then. */
  readonly runs: boolean;
}

/** What a callee like `it.skip.each(table)` does. */
interface Role {
  readonly suite: boolean;
  readonly runs: boolean;
  /** The table of `each` or `for`, when there is one. */
  readonly table?: ts.Expression;
}

const UNKNOWN = "…";
const NOT_SHOWING = new Set(["skip", "todo", "fails"]);
/** Calls that give back a function like `it`; what they are given is not a name. */
const MODIFIERS = new Set(["each", "for", "skipIf", "runIf", "extend", "scoped", "override"]);

/** The names given to `it`, `test`, `describe` and `suite`, with the rows of `each` and of loops over literals. */
export function testNames(fileName: string, text: string): TestName[] {
  const file = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true);
  const constants = constantsIn(file);
  const names: TestName[] = [];

  /** Returns how many tests were seen below the node, and how many of them run. */
  function visit(node: ts.Node, enclosingRuns: boolean): { seen: number; running: number } {
    const role = ts.isCallExpression(node) ? roleOfRegistration(node, constants) : undefined;
    const name = ts.isCallExpression(node) ? node.arguments[0] : undefined;
    const runs = role === undefined ? enclosingRuns : enclosingRuns && role.runs;
    const before = names.length;
    let seen = 0;
    let running = 0;
    ts.forEachChild(node, (child) => {
      const below = visit(child, runs);
      seen += below.seen;
      running += below.running;
    });
    if (role === undefined || name === undefined) return { seen, running };
    // A suite whose tests are registered by a function elsewhere shows none here: it is taken at its word.
    const shows = runs && (!role.suite || seen === 0 || running > 0);
    const { line } = file.getLineAndCharacterOfPosition(name.getStart());
    const given = namesOf(name, role, constants).map((each) => ({ text: each, line: line + 1, runs: shows }));
    names.splice(before, 0, ...given);
    return role.suite ? { seen, running } : { seen: seen + 1, running: running + (runs ? 1 : 0) };
  }

  visit(file, true);
  return names;
}

type Constants = ReadonlyMap<string, ts.Expression>;

function constantsIn(file: ts.SourceFile): Constants {
  const constants = new Map<string, ts.Expression>();
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined) {
      if ((ts.getCombinedNodeFlags(node) & ts.NodeFlags.Const) !== 0) {
        constants.set(node.name.text, node.initializer);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return constants;
}

function roleOfRegistration(call: ts.CallExpression, constants: Constants): Role | undefined {
  const callee = call.expression;
  if (ts.isPropertyAccessExpression(callee) && MODIFIERS.has(callee.name.text)) return undefined;
  const role = roleOf(callee, constants);
  if (role === undefined) return undefined;
  // vitest takes a test without a body for one that is still to do.
  const runs = role.runs && call.arguments.length > 1 && !call.arguments.some(isNotShowingOption);
  return { ...role, runs };
}

function roleOf(callee: ts.Expression, constants: Constants): Role | undefined {
  const inner = (expression: ts.Expression) => roleOf(expression, constants);
  if (ts.isIdentifier(callee)) {
    if (callee.text === "it" || callee.text === "test") return { suite: false, runs: true };
    if (callee.text === "describe" || callee.text === "suite") return { suite: true, runs: true };
    const definition = constants.get(callee.text);
    return definition === undefined ? undefined : roleOf(definition, without(constants, callee.text));
  }
  if (ts.isPropertyAccessExpression(callee)) {
    const role = inner(callee.expression);
    return role !== undefined && NOT_SHOWING.has(callee.name.text) ? { ...role, runs: false } : role;
  }
  if (ts.isCallExpression(callee)) {
    // Without this, what a test returns would pass for a function like `it`.
    if (!ts.isPropertyAccessExpression(callee.expression)) return undefined;
    if (!MODIFIERS.has(callee.expression.name.text)) return undefined;
    const role = inner(callee.expression);
    const table = callee.arguments[0];
    return role === undefined || table === undefined ? role : { ...role, table };
  }
  if (ts.isTaggedTemplateExpression(callee)) return inner(callee.tag);
  if (ts.isConditionalExpression(callee)) {
    const whenTrue = inner(callee.whenTrue);
    const whenFalse = inner(callee.whenFalse);
    if (whenTrue === undefined || whenFalse === undefined) return undefined;
    return { ...whenTrue, runs: whenTrue.runs || whenFalse.runs };
  }
  return ts.isParenthesizedExpression(callee) ? inner(callee.expression) : undefined;
}

function isNotShowingOption(argument: ts.Expression): boolean {
  if (!ts.isObjectLiteralExpression(argument)) return false;
  return argument.properties.some(
    (property) =>
      ts.isPropertyAssignment(property) &&
      ts.isIdentifier(property.name) &&
      NOT_SHOWING.has(property.name.text) &&
      property.initializer.kind === ts.SyntaxKind.TrueKeyword,
  );
}

/** The names that one registration gives: several where `each` or a loop begins them with a value of its own. */
function namesOf(name: ts.Expression, role: Role, constants: Constants): string[] {
  const { table } = role;
  const texts = textsOf(name, constants);
  if (table === undefined) return texts;
  // "%s: ..." begins with the row or its first element, "$a.b: ..." with what the row has there.
  return texts.flatMap((text) => {
    const placeholder = /^(?:%[a-z]|\$\w+(?:\.\w+)*)/.exec(text)?.[0];
    if (placeholder === undefined) return [text];
    const rest = text.slice(placeholder.length);
    const values = rowsOf(table, constants).flatMap((row) => {
      const path = placeholder.startsWith("$") ? placeholder.slice(1).split(".") : undefined;
      const value = path === undefined ? (pick(row, ["0"]) ?? row) : pick(row, path);
      return value === undefined ? [UNKNOWN] : textsOf(value, constants);
    });
    return (values.length === 0 ? [UNKNOWN] : values).map((value) => value + rest);
  });
}

/** Every text that the expression may give, as far as literals tell. */
function textsOf(expression: ts.Expression, constants: Constants): string[] {
  if (ts.isStringLiteralLike(expression)) return [expression.text];
  if (ts.isTemplateExpression(expression)) {
    return expression.templateSpans.reduce(
      (texts, span) => {
        // What decides stands at the start of a name: what follows a known start need not be known.
        const values = texts.every((text) => text === "") ? textsOf(span.expression, constants) : [UNKNOWN];
        return texts.flatMap((text) => values.map((value) => text + value + span.literal.text));
      },
      [expression.head.text],
    );
  }
  if (ts.isBinaryExpression(expression) && expression.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const right = textsOf(expression.right, constants);
    return textsOf(expression.left, constants).flatMap((left) => right.map((text) => left + text));
  }
  if (ts.isConditionalExpression(expression)) {
    return [...textsOf(expression.whenTrue, constants), ...textsOf(expression.whenFalse, constants)];
  }
  if (ts.isParenthesizedExpression(expression)) return textsOf(expression.expression, constants);
  const values = valuesOf(expression, constants);
  return values.length === 0 ? [UNKNOWN] : values;
}

/** The texts of `a`, `a.b` or `a[0]`, where `a` is a constant or goes through a literal list in `for ... of`. */
function valuesOf(expression: ts.Expression, constants: Constants): string[] {
  const path: string[] = [];
  let root = expression;
  for (;;) {
    if (ts.isPropertyAccessExpression(root)) path.unshift(root.name.text);
    else if (!ts.isElementAccessExpression(root)) break;
    else if (!ts.isLiteralExpression(root.argumentExpression)) return [];
    else path.unshift(root.argumentExpression.text);
    root = root.expression;
  }
  if (!ts.isIdentifier(root)) return [];
  const loop = loopOf(root);
  const definition = constants.get(root.text);
  const rest = without(constants, root.text);
  const rows = loop === undefined ? [definition] : rowsOf(loop.list, constants);
  return rows.flatMap((row) => {
    const value = row === undefined ? undefined : pick(row, [...(loop?.path ?? []), ...path]);
    return value === undefined ? [] : textsOf(value, rest);
  });
}

/** The list that the variable's `for ... of` goes through, and where in an element of it the variable lies. */
function loopOf(variable: ts.Identifier): { list: ts.Expression; path: string[] } | undefined {
  for (let node: ts.Node = variable; !ts.isSourceFile(node); node = node.parent) {
    if (!ts.isForOfStatement(node) || !ts.isVariableDeclarationList(node.initializer)) continue;
    const name = node.initializer.declarations[0]?.name;
    const path = name === undefined ? undefined : pathTo(variable.text, name);
    if (path !== undefined) return { list: node.expression, path };
  }
  return undefined;
}

function pathTo(name: string, binding: ts.BindingName): string[] | undefined {
  if (ts.isIdentifier(binding)) return binding.text === name ? [] : undefined;
  for (const [index, element] of binding.elements.entries()) {
    if (!ts.isBindingElement(element)) continue;
    const below = pathTo(name, element.name);
    if (below === undefined) continue;
    if (ts.isArrayBindingPattern(binding)) return [String(index), ...below];
    const key = element.propertyName ?? element.name;
    return ts.isIdentifier(key) || ts.isStringLiteral(key) ? [key.text, ...below] : undefined;
  }
  return undefined;
}

/** The elements of a literal list, or of a constant that is one. */
function rowsOf(list: ts.Expression, constants: Constants): ts.Expression[] {
  const literal = withoutType(list);
  if (ts.isArrayLiteralExpression(literal)) {
    return literal.elements.flatMap((row) =>
      ts.isSpreadElement(row) ? rowsOf(row.expression, constants) : [row],
    );
  }
  const definition = ts.isIdentifier(literal) ? constants.get(literal.text) : undefined;
  if (!ts.isIdentifier(literal) || definition === undefined) return [];
  return rowsOf(definition, without(constants, literal.text));
}

/** What stands in literal lists and objects at the path. */
function pick(value: ts.Expression, path: readonly string[]): ts.Expression | undefined {
  const literal = withoutType(value);
  const [key, ...rest] = path;
  if (key === undefined) return literal;
  if (ts.isArrayLiteralExpression(literal)) {
    const element = literal.elements[Number(key)];
    return element === undefined ? undefined : pick(element, rest);
  }
  if (!ts.isObjectLiteralExpression(literal)) return undefined;
  for (const property of literal.properties) {
    if (!ts.isPropertyAssignment(property) || ts.isComputedPropertyName(property.name)) continue;
    if (property.name.text === key) return pick(property.initializer, rest);
  }
  return undefined;
}

function withoutType(expression: ts.Expression): ts.Expression {
  if (
    ts.isAsExpression(expression) ||
    ts.isSatisfiesExpression(expression) ||
    ts.isParenthesizedExpression(expression)
  ) {
    return withoutType(expression.expression);
  }
  return expression;
}

/** Nothing is looked up inside of its own definition, so that a circular one ends. */
function without(constants: Constants, name: string): Constants {
  return new Map([...constants].filter(([key]) => key !== name));
}
