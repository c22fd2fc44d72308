// What the page looks like in the states that people meet, for people to look at: test-pictures/.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildPage } from "../../scripts/build-page.ts";
import { useBrowser } from "../helpers/browser.ts";
import { PAGE_STATES } from "../helpers/page-states.ts";
import { startServer } from "../helpers/server.ts";

const browser = useBrowser();
const folder = join(import.meta.dirname, "../../test-pictures");
let html = "";
beforeAll(async () => {
  html = await buildPage();
  mkdirSync(folder, { recursive: true });
  console.log(`pictures of the page: ${folder}`);
});

const LOOKS = (["light", "dark"] as const).flatMap((colorScheme) =>
  [
    { colorScheme, size: "wide", viewport: { width: 1_120, height: 700 } },
    { colorScheme, size: "narrow", viewport: { width: 390, height: 844 } },
  ].map((look) => [`${look.colorScheme}, ${look.size}`, look] as const),
);

describe.each(Object.entries(PAGE_STATES))("%s", (state, sources) => {
  test.each(LOOKS)(
    "%s: all of it is within the window's width",
    async (_, { colorScheme, size, viewport }) => {
      const server = await startServer({ collectors: sources().collectors, page: html });
      const context = await browser().newContext({ colorScheme, viewport, reducedMotion: "reduce" });
      onTestFinished(() => context.close());
      const page = await context.newPage();
      await page.goto(server.url);
      await page.locator("#sources").waitFor();
      await page.getByText("live", { exact: true }).waitFor();
      const name = `${state} ${size} ${colorScheme}`.replaceAll(" ", "-").toLowerCase();
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
      const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
      expect(widths).toEqual([viewport.width, viewport.width]);
    },
  );
});
