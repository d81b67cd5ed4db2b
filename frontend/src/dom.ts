/** Small helpers to make elements. Text only ever becomes text: nothing here takes HTML. */
import icons from "icons:scripts";

type Child = Node | string | null | undefined | false;

/** Make an element with attributes and children. Attributes that are false or missing are left out; true gives an empty one. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make an icon by its name; it is decoration, so a word must stand beside it or name its button. The build puts in what scripts name. */
export function icon(name: string, extra = ""): SVGSVGElement {
  return drawing(icons[name] ?? "", extra);
}

/** Make an icon of its lines. */
export function drawing(lines: string, extra = ""): SVGSVGElement {
  const [svg, path] = [document.createElementNS("http://www.w3.org/2000/svg", "svg"), document.createElementNS("http://www.w3.org/2000/svg", "path")];
  svg.setAttribute("class", `icon ${extra}`.trim());
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", lines);
  svg.append(path);
  return svg;
}

/** Make a button that shows an icon and is named by a sentence. */
export function iconButton(name: string, label: string, act: () => void, extra = "icon-button"): HTMLButtonElement {
  const button = make("button", { type: "button", class: extra, "aria-label": label, title: label }, icon(name));
  button.addEventListener("click", act);
  return button;
}

let quiet: HTMLElement | undefined;

/** Say a sentence to screen readers only. */
export function announce(sentence: string): void {
  if (!quiet?.isConnected) {
    quiet = make("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    document.body.append(quiet);
  }
  quiet.textContent = sentence;
}

/** Call at once for what is there, and again for whatever htmx brings later. */
export function whenever(act: (root: Element) => void): void {
  act(document.documentElement);
  document.addEventListener("htmx:load", (event) => {
    if (event.target instanceof Element) act(event.target);
  });
}

/** Find matching elements at and below a root. */
export function found<E extends HTMLElement = HTMLElement>(root: Element, selector: string): E[] {
  const below = [...root.querySelectorAll<E>(selector)];
  return root.matches(selector) ? [root as E, ...below] : below;
}
