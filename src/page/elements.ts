// What the page shows, as a description that the document is brought in line with. Texts become text nodes and nothing else.

/** An element that is wanted. */
export interface Element {
  readonly tag: Tag;
  readonly attributes: Attributes;
  readonly children: readonly Content[];
}

/** What an element holds. False and undefined stand for nothing. */
export type Content = Element | string | false | undefined;

type Tag =
  | "a"
  | "code"
  | "dd"
  | "div"
  | "dl"
  | "dt"
  | "h2"
  | "p"
  | "progress"
  | "section"
  | "span"
  | "table"
  | "tbody"
  | "td"
  | "th"
  | "thead"
  | "tr";

/** Undefined: the attribute is not there. */
export interface Attributes {
  readonly class?: string | undefined;
  readonly id?: string | undefined;
  readonly title?: string | undefined;
  /** Of links: made by {@link webLink} only. */
  readonly href?: string | undefined;
  readonly rel?: string | undefined;
  readonly target?: string | undefined;
  readonly scope?: "col" | "row" | undefined;
  readonly role?: string | undefined;
  readonly max?: string | undefined;
  readonly value?: string | undefined;
  readonly "aria-label"?: string | undefined;
  readonly "aria-labelledby"?: string | undefined;
}

export function element(tag: Tag, attributes: Attributes, ...children: readonly Content[]): Element {
  return { tag, attributes, children };
}

/** A span of a class, the most common case. */
export function span(name: string, ...children: readonly Content[]): Element {
  return element("span", { class: name }, ...children);
}

/** A link to another site, which learns nothing of this one. Its text alone when the address is none of the web. */
export function webLink(address: string | undefined, text: string): Content {
  if (address === undefined || !URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
    return text;
  }
  const { href } = new URL(address);
  return element("a", { href, rel: "noreferrer noopener", target: "_blank" }, text);
}

/** Changes what differs, and only that, so that focus, selection and what a screen reader reads stay where they are. */
export function show(parent: globalThis.Element, contents: readonly Content[]): void {
  const wanted = contents.filter((content) => content !== false && content !== undefined);
  for (const [index, content] of wanted.entries()) {
    const present = parent.childNodes[index];
    if (typeof content === "string") {
      if (present?.nodeType !== Node.TEXT_NODE) {
        replace(parent, present, document.createTextNode(content));
      } else if (present.nodeValue !== content) {
        present.nodeValue = content;
      }
    } else {
      showElement(parent, present, content);
    }
  }
  while (parent.childNodes.length > wanted.length) {
    parent.lastChild?.remove();
  }
}

function showElement(parent: globalThis.Element, present: ChildNode | undefined, wanted: Element): void {
  let target: globalThis.Element;
  if (present instanceof globalThis.Element && present.localName === wanted.tag) {
    target = present;
  } else {
    target = document.createElement(wanted.tag);
    replace(parent, present, target);
  }
  const attributes = Object.entries(wanted.attributes).filter(([, value]) => value !== undefined);
  for (const name of target.getAttributeNames()) {
    if (!attributes.some(([kept]) => kept === name)) {
      target.removeAttribute(name);
    }
  }
  for (const [name, value] of attributes) {
    if (target.getAttribute(name) !== value) {
      target.setAttribute(name, String(value));
    }
  }
  show(target, wanted.children);
}

function replace(parent: globalThis.Element, present: ChildNode | undefined, node: Node): void {
  if (present === undefined) {
    parent.append(node);
  } else {
    present.replaceWith(node);
  }
}
