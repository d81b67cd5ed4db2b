/** The command palette: everything one may see, by a few letters. `/search?q=` answers `{"items": [{"title", "kind", "url", "hint", "icon"}]}`. */
import "./portal";
import icons from "icons:all";
import { drawing, icon, make } from "./dom";
import { word } from "./words";

interface Item {
  title: string;
  kind: string;
  url: string;
  hint?: string;
  icon?: string;
}

const PAUSE_MS = 140;

let palette: Palette | undefined;

/** Open the palette. */
export function openPalette(): void {
  palette ??= new Palette();
  palette.open();
}

class Palette {
  readonly #field = make("input", { type: "text", role: "combobox", enterkeyhint: "go", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false" });
  readonly #list = make("ul", { class: "palette-list", id: "palette-list", role: "listbox" });
  readonly #status = make("div", { class: "palette-status", role: "status" });
  readonly #dialog: HTMLDialogElement;
  #items: Item[] = [];
  #chosen = 0;
  #asking = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const label = word("palette_label");
    for (const part of [this.#field, this.#list]) part.setAttribute("aria-label", label);
    this.#field.placeholder = label;
    const top = make("div", { class: "palette-field" }, icon("search"), this.#field, make("kbd", {}, "Esc"));
    this.#dialog = make("dialog", { class: "palette", "aria-label": label }, top, this.#status, this.#list);
    this.#field.addEventListener("input", () => this.#later());
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#list.addEventListener("click", (event) => {
      const option = event.target instanceof Element ? event.target.closest<HTMLElement>("[role=option]") : null;
      if (option) this.#go(Number(option.dataset["at"]), event.ctrlKey || event.metaKey);
    });
    document.body.append(this.#dialog);
  }

  open(): void {
    if (this.#dialog.open) return void this.#field.select();
    this.#dialog.showModal();
    this.#field.select();
    void this.#ask();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), PAUSE_MS);
  }

  async #ask(): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const query = this.#field.value.trim();
    try {
      const answer = await fetch(`/search?q=${encodeURIComponent(query)}`, { headers: { Accept: "application/json" }, signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const told = (await answer.json()) as { items: Item[] };
      this.#show(told.items.filter(({ url }) => url.startsWith("/")));
      if (!this.#items.length) this.#status.textContent = query ? word("palette_none") : "";
    } catch {
      if (!signal.aborted) this.#status.textContent = word("request_failed");
    }
  }

  #show(items: Item[]): void {
    this.#items = items;
    this.#chosen = 0;
    this.#status.textContent = "";
    this.#list.replaceChildren(
      ...items.map(({ title, kind, hint, icon: symbol }, at) => {
        const text = make("span", { class: "title" }, title);
        const more = make("span", { class: "hint user-text" }, [hint, kind].filter(Boolean).join(" · "));
        return make("li", { role: "option", id: `palette-${at}`, "data-at": at, "aria-selected": "false" }, drawing(icons[symbol ?? "file"] ?? ""), text, more);
      }),
    );
    this.#choose(0);
  }

  #choose(at: number): void {
    const count = this.#items.length;
    if (!count) return this.#field.removeAttribute("aria-activedescendant");
    this.#list.children[this.#chosen]?.setAttribute("aria-selected", "false");
    this.#chosen = (at + count) % count;
    const option = this.#list.children[this.#chosen];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    this.#field.setAttribute("aria-activedescendant", `palette-${this.#chosen}`);
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return; // an input method for Chinese takes arrows and Enter for itself
    const steps: Partial<Record<string, number>> = { ArrowDown: this.#chosen + 1, ArrowUp: this.#chosen - 1, PageDown: Math.min(this.#chosen + 8, this.#items.length - 1), PageUp: Math.max(this.#chosen - 8, 0) };
    const to = steps[event.key];
    if (to !== undefined) this.#choose(to);
    else if (event.key === "Enter") this.#go(this.#chosen, event.ctrlKey || event.metaKey);
    else return;
    event.preventDefault();
  }

  #go(at: number, apart: boolean): void {
    const item = this.#items[at];
    if (!item) return;
    this.#dialog.close();
    if (apart) open(item.url, "_blank", "noopener");
    else location.assign(item.url);
  }
}
