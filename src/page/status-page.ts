// The status page in the browser: watches the server that it came from, and shows what it says, live. Loads nothing else, keeps
// nothing (the token is gone with the page), and never puts what it is told anywhere but into texts.

import { type Connection, type GetMetadataResponse, MetadataView, watchMetadata } from "../client/browser.ts";
import { show } from "./elements.ts";
import { viewOf } from "./view.ts";
import { lasting, type Verdict } from "./words.ts";

/** A page that nobody sees for so long watches no longer: a watch has the server ask GitHub. */
const UNSEEN_MS = 60_000;

const TICK_MS = 1_000;

/** The elements of page.html that change, by their ids. */
export interface Parts {
  readonly name: HTMLElement;
  readonly place: HTMLElement;
  readonly connection: HTMLElement;
  readonly spoken: HTMLElement;
  readonly ask: HTMLElement;
  readonly token: HTMLInputElement;
  readonly refused: HTMLElement;
  readonly content: HTMLElement;
  readonly foot: HTMLElement;
  readonly away: HTMLElement;
  readonly awayText: HTMLElement;
  readonly retry: HTMLElement;
}

export class StatusPage {
  readonly #server: string;
  readonly #parts: Parts;
  #token: string | undefined;
  #last: { readonly message: GetMetadataResponse; readonly arrivedMs: number } | undefined;
  #connection: Connection = { state: "connecting" };
  /** When the next try to connect is. Undefined: now. */
  #retryAtMs: number | undefined;
  #watching: AbortController | undefined;
  #unseen: ReturnType<typeof setTimeout> | undefined;
  #isPaused = false;
  #spoken = new Set<string>();

  /** @param server see `createMetadataClient`. */
  constructor(server: string, parts: Parts) {
    this.#server = server;
    this.#parts = parts;
  }

  /** Begins, for as long as the document is there. */
  start(): void {
    const { ask, token, retry } = this.#parts;
    ask.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#token = token.value.trim();
      token.value = "";
      if (this.#token !== "") {
        this.#watch();
      }
    });
    retry.addEventListener("click", () => this.#watch());
    addEventListener("online", () => {
      if (this.#connection.state === "disconnected" && !this.#isAsking()) {
        this.#watch();
      }
    });
    document.addEventListener("visibilitychange", () => this.#onVisibility());
    setInterval(() => {
      if (document.visibilityState === "visible") {
        this.#draw();
      }
    }, TICK_MS);
    this.#watch();
  }

  #watch(): void {
    this.#watching?.abort();
    const own = new AbortController();
    this.#watching = own;
    void watchMetadata(this.#server, {
      view: MetadataView.TYPED,
      signal: own.signal,
      ...(this.#token !== undefined && { token: this.#token }),
      onState: () => undefined,
      onMessage: (message) => {
        this.#last = { message, arrivedMs: Date.now() };
        this.#draw();
      },
      onConnection: (connection) => {
        if (!own.signal.aborted) {
          this.#onConnection(connection);
        }
      },
    });
  }

  #onConnection(connection: Connection): void {
    // While it is tried again, what is known is still that the server is away.
    if (connection.state !== "connecting" || this.#connection.state === "connected") {
      this.#connection = connection;
    }
    const retryInMs = connection.state === "disconnected" ? connection.retryInMs : undefined;
    this.#retryAtMs = retryInMs === undefined ? undefined : Date.now() + retryInMs;
    if (connection.state === "disconnected" && connection.reason === "unauthenticated") {
      this.#askForToken();
    } else if (connection.state === "connected") {
      this.#parts.ask.hidden = true;
      this.#parts.content.hidden = false;
    }
    this.#draw();
  }

  /** Whether the page asks for the token, and shows nothing else. */
  #isAsking(): boolean {
    return this.#parts.ask.hidden === false;
  }

  #askForToken(): void {
    const { ask, token, refused, content } = this.#parts;
    this.#watching?.abort();
    const wasRefused = this.#token !== undefined;
    this.#token = undefined;
    ask.hidden = false;
    content.hidden = true;
    show(refused, [wasRefused && "The server does not accept this token."]);
    token.toggleAttribute("aria-invalid", wasRefused);
    token.focus();
  }

  #draw(): void {
    const elapsedMs = this.#last === undefined ? 0 : Math.max(0, Date.now() - this.#last.arrivedMs);
    this.#drawConnection(elapsedMs);
    if (this.#last === undefined || this.#isAsking()) {
      return;
    }
    const { name, place, content, foot } = this.#parts;
    const view = viewOf(this.#last.message, elapsedMs);
    show(name, [view.name]);
    show(place, [view.place]);
    show(content, view.cards);
    show(foot, [view.foot]);
    document.title = view.title;
    this.#speak([...view.sentences, `Connection: ${this.#connectionVerdict()[0]}.`]);
  }

  /** Has what changed read out, in one go. */
  #speak(sentences: readonly string[]): void {
    const news = sentences.filter((sentence) => !this.#spoken.has(sentence));
    if (news.length > 0) {
      show(this.#parts.spoken, [news.join(" ")]);
    }
    this.#spoken = new Set(sentences);
  }

  #drawConnection(elapsedMs: number): void {
    const { connection: pill, away, awayText } = this.#parts;
    const [words, tone] = this.#connectionVerdict();
    show(pill, [words]);
    pill.className = `pill ${tone}`;
    const isAway = this.#connection.state === "disconnected" && !this.#isAsking();
    document.body.classList.toggle("away", isAway);
    away.hidden = !isAway;
    if (this.#connection.state !== "disconnected" || !isAway) {
      return;
    }
    const { reason, message } = this.#connection;
    const why = reason === "refused" ? `The server refuses: ${message}.` : "The server does not answer.";
    const age = this.#last === undefined ? "" : ` What you see is ${lasting(elapsedMs)} old.`;
    const leftMs = (this.#retryAtMs ?? 0) - Date.now();
    const next = leftMs <= 0 ? "Trying now." : `Next try in ${lasting(leftMs + 999)}.`;
    show(awayText, [`${why}${age} ${next}`]);
  }

  #connectionVerdict(): Verdict {
    if (this.#isAsking()) {
      return ["token needed", "warn"];
    }
    switch (this.#connection.state) {
      case "connected":
        return ["live", "good"];
      case "connecting":
        return ["connecting", "quiet"];
      case "disconnected":
        return this.#connection.reason === "refused" ? ["refused", "bad"] : ["reconnecting", "warn"];
    }
  }

  #onVisibility(): void {
    clearTimeout(this.#unseen);
    if (document.visibilityState === "hidden") {
      this.#unseen = setTimeout(() => {
        this.#isPaused = true;
        this.#watching?.abort();
      }, UNSEEN_MS);
      return;
    }
    if (this.#isPaused && !this.#isAsking()) {
      this.#watch();
    }
    this.#isPaused = false;
    this.#draw();
  }
}
