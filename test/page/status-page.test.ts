// The status page in headless Chromium: live, through restarts, behind a proxy, with a token, by keyboard.

import { beforeAll, describe, expect, test } from "vitest";
import { buildPage } from "../../scripts/build-page.ts";
import { CollectError } from "../../src/collectors/collector.ts";
import { TaskStatus } from "../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { servePage, useBrowser } from "../helpers/browser.ts";
import { startBufferingProxy } from "../helpers/buffering-proxy.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { hostileSources, PAGE_STATES, type PageSources } from "../helpers/page-states.ts";
import { startPrefixProxy } from "../helpers/prefix-proxy.ts";
import { startServer, type TestServer, type TestServerOptions } from "../helpers/server.ts";
import { openStatusPage, untilLive } from "../helpers/status-page.ts";

const browser = useBrowser();
let html = "";
beforeAll(async () => {
  html = await buildPage();
});

function stateOf(name: string): PageSources {
  const make = PAGE_STATES[name];
  if (make === undefined) {
    throw new Error(`there is no state "${name}"`);
  }
  return make();
}

function start(sources: PageSources, options: TestServerOptions = {}): Promise<TestServer> {
  return startServer({ collectors: sources.collectors, page: html, ...options });
}

describe("live", () => {
  test("shows a change without being asked to, moves nothing, and has it read out", async () => {
    const sources = stateOf("all well");
    const { page } = await openStatusPage(browser(), (await start(sources)).url);
    await untilLive(page);
    const boxes =
      "[...document.querySelectorAll('section')].map((e) => JSON.stringify(e.getBoundingClientRect()))";
    const before = await page.evaluate(boxes);
    sources.task.set(
      data({ workspace: { task: { status: TaskStatus.WAITING, description: "Which one?", progress: 63 } } }),
    );
    await page.getByText("Waiting for you", { exact: true }).waitFor();
    expect(await page.locator("progress").getAttribute("value")).toBe("63");
    expect(await page.title()).toBe("Waiting for you · quick-otter-42");
    expect(await page.getByRole("status").textContent()).toBe("Task: Waiting for you.");
    expect(await page.evaluate(boxes)).toEqual(before);
  });

  test("a source that fails keeps its last values, marked; one that never answered has none", async () => {
    const sources = stateOf("all well");
    const { page } = await openStatusPage(browser(), (await start(sources)).url);
    await untilLive(page);
    sources.git.set(new CollectError("TIMEOUT", "git did not answer within 5 s"));
    const card = page.locator("#git");
    await card.getByText("stale", { exact: true }).waitFor();
    expect(await card.textContent()).toContain("feature/express-checkout");
    expect(await card.textContent()).toMatch(/Last good values, from .*: git did not answer within 5 s/);

    const failed = new ControlledCollector("git", new CollectError("GIT_NOT_FOUND", "git is not installed"));
    const other = await openStatusPage(
      browser(),
      (await startServer({ collectors: [failed.scheduled()], page: html })).url,
    );
    await untilLive(other.page);
    const text = (await other.page.locator("#git").textContent()) ?? "";
    expect(text).toBe("RepositoryfailedThis could not be found out.git is not installed");
    expect(await other.page.locator("#pull-request").textContent()).toContain(
      "This server does not collect it.",
    );
  });

  test("what is not known is called that, never zero or none", async () => {
    const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
    const { url } = await startServer({ collectors: [git.scheduled()], page: html });
    const { page } = await openStatusPage(browser(), url);
    await untilLive(page);
    const rows = await page.locator("#git dd").allTextContents();
    expect(rows.join("|")).not.toMatch(/\b0\b|none|never/);
    expect(rows.slice(0, 2)).toEqual(["not known", "not known"]);
  });

  test("watches through a restart: says that it reconnects, and how old that is which it shows", async () => {
    const server = await start(stateOf("all well"));
    const { page } = await openStatusPage(browser(), server.url, {}, (page) => page.clock.install());
    await untilLive(page);
    await server.close();
    await page.getByText("reconnecting", { exact: true }).waitFor();
    await page.clock.fastForward("05:00");
    await page.getByText(/The server does not answer\. What you see is 5 min old\. /).waitFor();
    expect(await page.locator("#git").textContent()).toContain("23 min ago · by Alice Archer");
    await start(stateOf("failing and waiting"), { flags: { listen: `127.0.0.1:${server.port}` } });
    await page.getByRole("button", { name: "Try now" }).click();
    await page.getByText("Waiting for you", { exact: true }).waitFor();
    await untilLive(page);
    expect(await page.locator("#away").isVisible()).toBe(false);
  });

  test("a page that nobody sees for a minute watches no longer, until it is seen again", async () => {
    const sources = stateOf("all well");
    const server = await start(sources);
    const { page } = await openStatusPage(browser(), server.url, {}, (page) => page.clock.install());
    await untilLive(page);
    expect(server.subscribers()).toBe(1);
    const become = (state: string): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, "visibilityState", { configurable: true, value: "${state}" });
        document.dispatchEvent(new Event("visibilitychange"));`,
      );
    await become("hidden");
    await page.clock.fastForward("01:01");
    await expect.poll(() => server.subscribers(), { timeout: 10_000 }).toBe(0);
    await become("visible");
    await expect.poll(() => server.subscribers(), { timeout: 10_000 }).toBe(1);
    await untilLive(page);
  });
});

describe("token", () => {
  test("S6: the page is open, holds nothing, asks for the token and sends it in no address", async () => {
    const server = await start(stateOf("all well"), { flags: { token: "s3cret" } });
    const { page, requests, complaints } = await openStatusPage(browser(), server.url);
    const input = page.getByLabel("Token");
    await input.waitFor();
    expect(await page.locator("#content").isVisible()).toBe(false);
    expect(await page.evaluate("document.activeElement.id")).toBe("token");
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("The server does not accept this token.").waitFor();
    expect(await input.inputValue()).toBe("");
    await page.keyboard.type("s3cret");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await untilLive(page);
    expect(await page.locator("#ask").isVisible()).toBe(false);
    expect(requests.join()).not.toContain("s3cret");
    expect(await page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]")).toEqual([
      0,
      0,
      "",
    ]);
    expect(complaints).toEqual([]);
  });
});

describe("where it may stand", () => {
  test.each(["/@alice/quick-otter-42.main/apps/status/", "/@alice/quick-otter-42.main/apps/status", "/"])(
    "S3: below %s",
    async (path) => {
      const server = await start(stateOf("all well"));
      const prefix = path.replace(/\/$/, "");
      const { origin, asked } = await startPrefixProxy(server, prefix);
      const { page, complaints } = await openStatusPage(browser(), `${origin}${path}`);
      await untilLive(page);
      expect(asked).toEqual([path, `${prefix}/fleet.metadata.v1.MetadataService/WatchMetadata`]);
      expect(complaints).toEqual([]);
    },
  );

  test("behind a proxy that keeps answers until they are whole", async () => {
    const sources = stateOf("all well");
    const { page } = await openStatusPage(browser(), await startBufferingProxy(await start(sources)));
    await untilLive(page);
    sources.git.set(data({ git: { branch: "another" } }));
    await page.locator(".branch", { hasText: "another" }).waitFor();
  });

  test("S5: in a frame of the dashboard, and of no other page", async () => {
    const framing = (url: string) => `
      const frame = document.createElement("iframe");
      frame.src = ${JSON.stringify(url)};
      document.documentElement.append(frame);`;
    const server = await start(stateOf("all well"), { flags: { allowedOrigins: "https://other.example" } });
    const { page: stranger } = await openStatusPage(browser(), await servePage(framing(server.url)));
    await expect.poll(() => stranger.frames().at(1)?.url()).toBe("chrome-error://chromewebdata/");

    const dashboard = await servePage("");
    const { url } = await start(stateOf("all well"), { env: { CODER_AGENT_URL: dashboard } });
    const { page } = await openStatusPage(browser(), dashboard);
    await page.evaluate(framing(url));
    await page.frameLocator("iframe").locator("#connection", { hasText: "live" }).waitFor();
  });
});

describe("nothing but what is meant", () => {
  test.each(Object.keys(PAGE_STATES))(
    "S5: %s: asks this server only, and breaks no rule of its policy",
    async (name) => {
      const { url } = await start(stateOf(name));
      const { page, requests, complaints } = await openStatusPage(browser(), url);
      await untilLive(page);
      const others = requests.filter(
        (address) => !address.startsWith(`${url}/`) && !address.startsWith("data:"),
      );
      expect(others).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  test("S5: nothing runs, styles it or is asked that is not its own", async () => {
    const { url } = await start(stateOf("all well"));
    const { page, complaints } = await openStatusPage(browser(), url);
    await untilLive(page);
    await page.evaluate(`(async () => {
      const script = document.createElement("script");
      try { script.append("globalThis.ran = true"); document.body.append(script); } catch {}
      const style = document.createElement("style");
      style.append("body { color: red }");
      document.body.append(style);
      await fetch("http://127.0.0.1:9/").catch(() => undefined);
    })()`);
    expect(await page.evaluate("globalThis.ran")).toBeUndefined();
    const refused = complaints.join("\n");
    for (const rule of ["TrustedScript", "style-src", "connect-src"]) {
      expect(refused).toContain(rule);
    }
  });

  test("S23: texts that try to be markup are texts, and an address that is none of the web is no link", async () => {
    const markup = '<img src=x onerror="globalThis.ran = true"><b>bold</b>';
    const { url } = await start(hostileSources(markup));
    const { page, requests, complaints } = await openStatusPage(browser(), url);
    await untilLive(page);
    expect(await page.locator(".branch").textContent()).toBe(markup);
    expect(await page.locator("#pull-request .title").textContent()).toBe(`#812 ${markup}`);
    expect(await page.locator(".description").textContent()).toBe(markup);
    expect(await page.locator("img, b, a").count()).toBe(0);
    expect(await page.evaluate("globalThis.ran")).toBeUndefined();
    expect(requests).toHaveLength(2);
    expect(complaints).toEqual([]);
  });
});

/** Text with too little contrast (WCAG 2.2, 1.4.3): 4.5, or 3 where it is large. */
const CONTRAST = `(() => {
  const luminance = ([r, g, b]) => {
    const part = (value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const backgroundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.nodeValue.trim()).join("");
    if (text === "" || element.localName === "script" || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(parse(style.color)), luminance(backgroundOf(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) low.push(text + " " + ratio.toFixed(2));
  }
  return low;
})()`;

describe("for everybody", () => {
  test.each(["light", "dark"] as const)("%s: every text has enough contrast", async (colorScheme) => {
    for (const name of Object.keys(PAGE_STATES)) {
      const { url } = await start(stateOf(name));
      const { page } = await openStatusPage(browser(), url, { colorScheme });
      await untilLive(page);
      expect(await page.evaluate(CONTRAST)).toEqual([]);
    }
    const server = await start(stateOf("all well"), { flags: { token: "s3cret" } });
    const { page } = await openStatusPage(browser(), server.url, { colorScheme });
    await page.getByLabel("Token").waitFor();
    expect(await page.evaluate(CONTRAST)).toEqual([]);
  });

  test("landmarks, headings, a table, and a name for everything", async () => {
    const { url } = await start(stateOf("failing and waiting"));
    const { page } = await openStatusPage(browser(), url, { viewport: { width: 390, height: 800 } });
    await untilLive(page);
    for (const landmark of ["banner", "main", "contentinfo"] as const) {
      expect(await page.getByRole(landmark).count()).toBe(1);
    }
    const headings = await page.getByRole("heading").allTextContents();
    expect(headings).toEqual(["quick-otter-42", "Task", "Repository", "Pull request", "Sources"]);
    expect(await page.getByRole("region").count()).toBe(4);
    expect(await page.getByRole("table", { name: "Sources" }).getByRole("row").count()).toBe(5);
    expect(await page.getByRole("progressbar", { name: "Progress of the task" }).count()).toBe(1);
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
  });

  test("by keyboard: links in the order of reading, each with a ring around it", async () => {
    const { url } = await start(stateOf("all well"));
    const { page } = await openStatusPage(browser(), url);
    await untilLive(page);
    const seen: unknown[] = [];
    for (let index = 0; index < 2; index += 1) {
      await page.keyboard.press("Tab");
      seen.push(
        await page.evaluate(`(() => {
          const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
          const { rel, target, href } = document.activeElement;
          return [href, rel, target, outlineStyle, outlineWidth];
        })()`),
      );
    }
    const ring = ["noreferrer noopener", "_blank", "solid", "2px"];
    expect(seen).toEqual([
      ["https://coder.example.com/tasks/alice/quick-otter-42", ...ring],
      ["https://github.com/octo/checkout/pull/812", ...ring],
    ]);
  });
});
