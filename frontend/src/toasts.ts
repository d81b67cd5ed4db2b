/** Short notices in the corner: from `HX-Trigger: {"toast": {"text": …, "kind": "info|good|warn|bad"}}`, and from scripts. */
import { icon, iconButton, make } from "./dom";
import { word } from "./words";

export interface Toast {
  text: string;
  kind?: "info" | "good" | "warn" | "bad";
  link?: string;
  link_text?: string;
}

const ICONS = { info: "info-circle", good: "circle-check", warn: "alert-triangle", bad: "alert-circle" } as const;
const SHOWN_MS = 6_000;
const MOST = 4;

let stack: HTMLElement | undefined;

/** Listen for toasts that the server sends, and let one that came with the page be closed. */
export function startToasts(): void {
  for (const item of document.querySelectorAll<HTMLElement>(".toast-stack > .toast-item")) finish(item, item.classList.contains("bad") || item.classList.contains("warn"));
  document.body.addEventListener("toast", (event) => {
    const { detail } = event as CustomEvent<Toast & { value?: string }>;
    toast({ ...detail, text: detail.text ?? detail.value ?? "" });
  });
}

/** Show a notice. Bad and warning ones stay until they are closed, because whoever needs them may be looking elsewhere. */
export function toast({ text, kind = "info", link, link_text }: Toast): void {
  const holder = place();
  const urgent = kind === "bad" || kind === "warn";
  const body = make("div", { class: "text user-text" }, text);
  if (link?.startsWith("/")) body.append(" ", make("a", { href: link }, link_text ?? word("open")));
  const item = make("div", { class: `toast-item ${kind}`, role: urgent ? "alert" : "status" }, icon(ICONS[kind] ?? ICONS.info), body);
  holder.append(item);
  while (holder.childElementCount > MOST) holder.firstElementChild?.remove();
  finish(item, urgent);
}

function finish(item: HTMLElement, stays: boolean): void {
  item.append(iconButton("x", word("close"), () => item.remove()));
  if (!stays) leaveLater(item);
}

function place(): HTMLElement {
  if (stack?.isConnected) return stack;
  stack = document.querySelector<HTMLElement>(".toast-stack") ?? undefined;
  if (stack) return stack;
  stack = make("div", { class: "toast-stack", "aria-live": "polite", "aria-label": word("notices"), role: "region" });
  document.body.append(stack);
  return stack;
}

function leaveLater(item: HTMLElement): void {
  let timer = setTimeout(() => item.remove(), SHOWN_MS);
  const hold = (): void => clearTimeout(timer);
  const go = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => item.remove(), SHOWN_MS);
  };
  item.addEventListener("pointerenter", hold);
  item.addEventListener("focusin", hold);
  item.addEventListener("pointerleave", go);
  item.addEventListener("focusout", go);
}
