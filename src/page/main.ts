// The script of page.html.

import { StatusPage } from "./status-page.ts";

/** @throws when page.html has no such element of that kind. */
function part<T extends HTMLElement>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new Error(`the page has no element "${id}"`);
  }
  return found;
}

// The page is served at one path only, so all of its own path is the prefix that a proxy has put in front.
new StatusPage(location.origin + location.pathname.replace(/\/+$/, ""), {
  name: part("name", HTMLElement),
  place: part("place", HTMLElement),
  connection: part("connection", HTMLElement),
  spoken: part("spoken", HTMLElement),
  ask: part("ask", HTMLElement),
  token: part("token", HTMLInputElement),
  refused: part("refused", HTMLElement),
  content: part("content", HTMLElement),
  foot: part("foot", HTMLElement),
  away: part("away", HTMLElement),
  awayText: part("away-text", HTMLElement),
  retry: part("retry", HTMLElement),
}).start();
