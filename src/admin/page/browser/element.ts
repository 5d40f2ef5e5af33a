/**
 * Makes parts of the page. Texts become text nodes and nothing else: whatever a name or a statement contains is
 * shown, and never understood as markup.
 */

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Attributes that are true have no value; those that are false or undefined are not there. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/** Likewise, for drawings. */
export function drawing<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const text = value === true ? "" : value;
    if (text === undefined || text === false) target.removeAttribute(name);
    else if (target.getAttribute(name) !== String(text)) target.setAttribute(name, String(text));
  }
}

/** Touches the page only when it changes: a selection within the text is kept otherwise. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** A part of the page by its id. @throws Error when the page has none */
export function part<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} "${id}"`);
}
