// The status page in the browser: watches the server that it came from, and shows what it says, live. Loads nothing else, keeps
// nothing (the token is gone with the page), and never puts what it is told anywhere but into texts.

import { type Connection, type GetMetadataResponse, MetadataView, watchMetadata } from "../client/browser.ts";
import { show } from "./elements.ts";
import { viewOf } from "./view.ts";
import { lasting } from "./words.ts";

/** A page that nobody sees for so long watches no longer: a watch has the server ask GitHub. */
const UNSEEN_MS = 60_000;

const TICK_MS = 1_000;

/** The page is served at one path only, so all of its own path is the prefix that a proxy has put in front. */
const server = location.origin + location.pathname.replace(/\/+$/, "");

const at = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) {
    throw new Error(`the page has no element "${id}"`);
  }
  return found;
};
const form = at("ask") as HTMLFormElement;
const input = at("token") as HTMLInputElement;

let token: string | undefined;
let last: { readonly message: GetMetadataResponse; readonly arrivedMs: number } | undefined;
let connection: Connection = { state: "connecting" };
/** When the next try to connect is. */
let retryAtMs: number | undefined;
let watching: AbortController | undefined;
let spoken = new Set<string>();

function watch(): void {
  watching?.abort();
  const own = new AbortController();
  watching = own;
  void watchMetadata(server, {
    view: MetadataView.TYPED,
    signal: own.signal,
    ...(token !== undefined && { token }),
    onState: () => undefined,
    onMessage: (message) => {
      last = { message, arrivedMs: Date.now() };
      draw();
    },
    onConnection: (changed) => {
      if (!own.signal.aborted) {
        connect(changed);
      }
    },
  }).catch(() => undefined);
}

function connect(changed: Connection): void {
  // While it is tried again, what is known is still that it is away.
  if (changed.state !== "connecting" || connection.state === "connected") {
    connection = changed;
  }
  retryAtMs =
    changed.state === "disconnected" && changed.retryInMs !== undefined
      ? Date.now() + changed.retryInMs
      : undefined;
  if (changed.state === "disconnected" && changed.reason === "unauthenticated") {
    askForToken();
  } else if (changed.state === "connected") {
    form.hidden = true;
    at("content").hidden = false;
  }
  draw();
}

/** Whether the page asks for the token, and shows nothing else. */
function isAsking(): boolean {
  return form.hidden === false;
}

function askForToken(): void {
  watching?.abort();
  const wasRefused = token !== undefined;
  token = undefined;
  form.hidden = false;
  at("content").hidden = true;
  show(at("refused"), [wasRefused ? "The server does not accept this token." : ""]);
  input.toggleAttribute("aria-invalid", wasRefused);
  input.focus();
}

function draw(): void {
  const elapsedMs = last === undefined ? 0 : Math.max(0, Date.now() - last.arrivedMs);
  drawConnection(elapsedMs);
  if (last === undefined || isAsking()) {
    return;
  }
  const view = viewOf(last.message, elapsedMs);
  show(at("name"), [view.name]);
  show(at("place"), [view.place]);
  show(at("content"), view.cards);
  show(at("foot"), [view.foot]);
  document.title = view.title;
  speak(view.sentences);
}

/** Has what changed read out, in one go. */
function speak(sentences: readonly string[]): void {
  const all = [...sentences, `Connection: ${connectionWords()[0]}.`];
  const news = all.filter((sentence) => !spoken.has(sentence));
  if (news.length > 0) {
    show(at("spoken"), [news.join(" ")]);
    spoken = new Set(all);
  }
}

function drawConnection(elapsedMs: number): void {
  const [words, tone] = connectionWords();
  const pill = at("connection");
  show(pill, [words]);
  pill.className = `pill ${tone}`;
  const isAway = connection.state === "disconnected" && !isAsking();
  document.body.classList.toggle("away", isAway);
  at("away").hidden = !isAway;
  if (connection.state === "disconnected" && isAway) {
    const next =
      retryAtMs === undefined ? "Trying now." : `Next try in ${lasting(retryAtMs - Date.now() + 999)}.`;
    const age = last === undefined ? "" : ` What you see is ${lasting(elapsedMs)} old.`;
    const why =
      connection.reason === "refused"
        ? `The server refuses: ${connection.message}.`
        : "The server does not answer.";
    show(at("away-text"), [`${why}${age} ${next}`]);
  }
}

function connectionWords(): readonly [words: string, tone: string] {
  if (isAsking()) {
    return ["token needed", "warn"];
  }
  switch (connection.state) {
    case "connected":
      return ["live", "good"];
    case "connecting":
      return ["connecting", "quiet"];
    case "disconnected":
      return connection.reason === "refused" ? ["refused", "bad"] : ["reconnecting", "warn"];
  }
}

let unseen: ReturnType<typeof setTimeout> | undefined;
let isPaused = false;

function onVisibility(): void {
  clearTimeout(unseen);
  if (document.visibilityState === "hidden") {
    unseen = setTimeout(() => {
      isPaused = true;
      watching?.abort();
    }, UNSEEN_MS);
  } else {
    if (isPaused && !isAsking()) {
      watch();
    }
    isPaused = false;
    draw();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  token = input.value.trim();
  input.value = "";
  if (token !== "") {
    watch();
  }
});
at("retry").addEventListener("click", watch);
addEventListener("online", () => connection.state === "disconnected" && !isAsking() && watch());
document.addEventListener("visibilitychange", onVisibility);
setInterval(() => document.visibilityState === "visible" && draw(), TICK_MS);
watch();
