// The documents of the project, taken apart: blocks of code, commands, headings, links.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** Every document for people, relative to the project. */
export const DOCUMENTS: readonly string[] = globSync("**/*.md", {
  cwd: ROOT,
  exclude: (path) => /(^|\/)(node_modules|dist|coverage|test-pictures)$/.test(path),
}).sort();

export function readDocument(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

/** What stands between two fences. */
export interface Block {
  readonly document: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** Empty when the fence names none. */
  readonly language: string;
  readonly text: string;
}

export function blocksOf(document: string): Block[] {
  const text = readDocument(document);
  return [...text.matchAll(/^( *)```(\w*)[^\n]*\n([\s\S]*?)^\1```$/gm)].map(
    ({ index, 1: indent = "", 2: language = "", 3: body = "" }) => ({
      document,
      line: text.slice(0, index).split("\n").length,
      language,
      text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    }),
  );
}

const SHELLS: readonly string[] = ["sh", "bash", "shell", "zsh", "console"];

/** Whether a reader would type what stands in it. */
export function isShell({ language }: Block): boolean {
  return SHELLS.includes(language);
}

export function shellBlocks(): Block[] {
  return DOCUMENTS.flatMap(blocksOf).filter(isShell);
}

/**
 * The commands of a block of shell, each whole: lines that end in a backslash, and texts that follow `<<WORD`, belong to the command
 * before them. In a block of `console`, commands follow a "$", and the rest is what they print.
 */
export function commandsOf({ language, text }: Block): string[] {
  const lines = text.split("\n");
  const typed =
    language === "console"
      ? lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2))
      : lines;
  const commands: string[] = [];
  let open: string[] = [];
  let end: string | undefined;
  for (const line of typed) {
    if (open.length === 0 && (line.trim() === "" || line.startsWith("#"))) {
      continue;
    }
    open.push(line);
    end ??= /<<-?\s*['"]?(\w+)/.exec(line)?.[1];
    const isWhole = end === undefined ? !line.endsWith("\\") : line.trim() === end;
    if (isWhole) {
      commands.push(open.join("\n").replaceAll(/\\\n\s*/g, ""));
      open = [];
      end = undefined;
    }
  }
  return commands;
}

/** A document without its code, fenced or within a line: what is a link there is one. */
function prose(document: string): string {
  return readDocument(document)
    .replaceAll(/^( *)```[\s\S]*?^\1```$/gm, (code) => code.replaceAll(/[^\n]/g, ""))
    .replaceAll(/`[^`\n]*`/g, "");
}

/** Where links and pictures of a document lead, as they are written. */
export function linksOf(document: string): string[] {
  return [...prose(document).matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(
    ([, target = ""]) => target,
  );
}

/** What a link may name behind "#", as GitHub makes it of headings. */
export function anchorsOf(document: string): Set<string> {
  const anchors = new Set<string>();
  const text = readDocument(document).replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");
  for (const [, heading = ""] of text.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
      .replaceAll(" ", "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) {
      anchor = `${slug}-${count}`;
    }
    anchors.add(anchor);
  }
  return anchors;
}

/** Texts that stand between backticks within a line. */
export function inlineCode(document: string): string[] {
  const text = readDocument(document).replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}
