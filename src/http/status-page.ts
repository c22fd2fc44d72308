// The status page: one HTML text, which brings its own script and style and may load nothing else.

import { createHash } from "node:crypto";
import { sendDocument } from "./documents.ts";
import type { Request, Response } from "./message.ts";

/** The page as it was built. Read anew for each request: few ask, and nobody should hold it for the rest of the time. */
export type ReadPage = () => Promise<string>;

/**
 * @param ancestors origins whose pages may show this one in a frame, beside its own: "https://host", "https://*.host". The page
 *   acts on nothing, so a frame around it gains nothing; and what shows it has no look inside.
 */
export function createStatusPage(
  read: ReadPage,
  ancestors: readonly string[],
): (request: Request, response: Response) => Promise<void> {
  return async (request, response) => {
    const html = await read();
    await sendDocument(request, response, html, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": contentPolicy(html, ancestors),
      "referrer-policy": "no-referrer",
    });
  };
}

/** The one script and the one style that are in the text, and calls of this server: nothing else runs, is loaded or is asked. */
function contentPolicy(html: string, ancestors: readonly string[]): string {
  const hashOf = (element: string): string => {
    const [, text = ""] = new RegExp(`<${element}[^>]*>(.*?)</${element}>`, "s").exec(html) ?? [];
    return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  };
  return [
    "default-src 'none'",
    `script-src ${hashOf("script")}`,
    `style-src ${hashOf("style")}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${["'self'", ...ancestors].join(" ")}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}
