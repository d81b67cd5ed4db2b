/** What stands above a log: search, follow, wrap, start and end, download, copying of chosen lines. */
import { copyText } from "../copy";
import { announce, icon, iconButton, make } from "../dom";
import { size } from "../figures";
import { toast } from "../toasts";
import { word, type Word } from "../words";
import { plainText } from "./ansi";
import type { Chunks } from "./chunks";
import { MOST_HITS, search, type Found } from "./search";
import type { LogView } from "./view";

const MOST_COPIED_LINES = 20_000;
const TYPING_MS = 250;

export class LogTools {
  readonly bar = make("div", { class: "logview-bar", role: "toolbar" });
  readonly #field = make("input", { class: "form-control form-control-sm", type: "search", placeholder: word("log_search"), "aria-label": word("log_search") });
  readonly #hits = make("output", { class: "logview-hits" });
  readonly #progress = make("progress", { max: 1, hidden: true, "aria-label": word("log_searching") });
  readonly #state = make("span", { class: "logview-state" });
  readonly #copy: HTMLButtonElement;
  readonly #follow: HTMLButtonElement;
  readonly #wrap: HTMLButtonElement;
  #found: Found | undefined;
  #searching = new AbortController();
  #typing: ReturnType<typeof setTimeout> | undefined;
  #at = -1;

  constructor(
    private readonly log: Chunks,
    private readonly view: LogView,
    download: string | undefined,
  ) {
    this.#follow = this.#toggle("arrow-down", "log_follow", () => this.#turnFollow());
    this.#wrap = this.#toggle("text-wrap", "log_wrap", () => this.#turnWrap());
    this.#copy = iconButton("copy", word("log_copy"), () => void this.#copyChosen(), "btn btn-sm btn-icon");
    this.#copy.hidden = true;
    this.bar.setAttribute("aria-label", word("log_tools"));
    const previous = iconButton("chevron-up", word("log_previous"), () => this.#step(-1), "btn btn-sm btn-icon");
    const next = iconButton("chevron-down", word("log_next"), () => this.#step(1), "btn btn-sm btn-icon");
    const start = iconButton("arrow-bar-to-up", word("log_start"), () => view.toStart(), "btn btn-sm btn-icon");
    const end = iconButton("arrow-bar-to-down", word("log_end"), () => view.toEnd(), "btn btn-sm btn-icon");
    const loader = download && make("a", { class: "btn btn-sm btn-icon", href: download, download: true, "aria-label": word("log_download"), title: word("log_download") }, icon("download"));
    this.bar.append(make("div", { class: "logview-search" }, this.#field, previous, next, this.#hits, this.#progress));
    this.bar.append(this.#state, this.#copy, start, end, this.#wrap, this.#follow, loader || "");
    this.#listen();
  }

  /** Show how things stand. */
  tell(): void {
    const { log, view } = this;
    this.#follow.setAttribute("aria-pressed", String(view.follow));
    this.#follow.hidden = log.complete;
    const empty = log.known && log.index.size === 0;
    this.#state.textContent = empty ? word(log.complete ? "log_empty" : "log_waiting") : `${size(log.index.size)}${view.follow && !log.complete ? ` · ${word("log_following")}` : ""}`;
    this.#copy.hidden = !view.chosen;
  }

  /** Give up a search that runs. */
  end(): void {
    this.#searching.abort();
    clearTimeout(this.#typing);
  }

  #toggle(name: string, label: Word, act: () => void): HTMLButtonElement {
    const button = iconButton(name, word(label), act, "btn btn-sm");
    button.append(make("span", { class: "d-none d-sm-inline" }, word(label)));
    button.setAttribute("aria-pressed", "false");
    return button;
  }

  #listen(): void {
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => void this.#search(), TYPING_MS);
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#step(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.#clear();
    });
    this.view.scroller.addEventListener("keydown", (event) => this.#key(event));
    this.view.scroller.addEventListener("click", (event) => this.#choose(event));
  }

  #key(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === "f") this.#field.select();
    else if ((event.ctrlKey || event.metaKey) && event.key === "c" && this.view.chosen && getSelection()?.isCollapsed) void this.#copyChosen();
    else if (event.key === "End") this.view.toEnd();
    else if (event.key === "Home") this.view.toStart();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #turnFollow(): void {
    if (this.view.follow) this.view.follow = false;
    else {
      this.view.toEnd();
      this.view.follow = true;
    }
    this.tell();
  }

  #turnWrap(): void {
    this.view.wrap = !this.view.wrap;
    this.#wrap.setAttribute("aria-pressed", String(this.view.wrap));
    this.view.scroller.classList.toggle("wrap", this.view.wrap);
    this.view.refresh();
  }

  async #search(): Promise<void> {
    const query = this.#field.value;
    if (query === this.view.query) return;
    this.#clear(query);
    if (!query) return;
    const { signal } = (this.#searching = new AbortController());
    try {
      await search(this.log, query, signal, (found) => this.#heard(found));
    } catch {
      if (!signal.aborted) toast({ text: word("request_failed"), kind: "warn" });
    }
    this.#progress.hidden = true;
  }

  #heard(found: Found): void {
    this.#found = found;
    this.#progress.hidden = found.done;
    this.#progress.value = found.size ? found.looked / found.size : 1;
    if (this.#at < 0 && found.lines.length) this.#step(1);
    else this.view.refresh();
    if (found.done) announce(this.#tellHits());
    this.#tellHits();
  }

  #tellHits(): string {
    const count = this.#found?.lines.length ?? 0;
    const many = count >= MOST_HITS ? `${count}+` : String(count);
    const told = !this.#found ? "" : count ? word("log_hits", { at: this.#at + 1, count: many }) : this.#found.done ? word("log_no_hits") : "";
    this.#hits.textContent = told;
    return told;
  }

  #step(by: number): void {
    const lines = this.#found?.lines ?? [];
    if (!lines.length) return void this.#search();
    // The first hit is the next one from where the reader is.
    if (this.#at < 0) this.#at = Math.max(0, lines.findIndex((line) => line >= this.view.topLine));
    else this.#at = (this.#at + by + lines.length) % lines.length;
    this.view.hit = lines[this.#at];
    this.view.show(lines[this.#at] as number);
    this.#tellHits();
  }

  #clear(query = ""): void {
    this.#searching.abort();
    if (!query) this.#field.value = "";
    this.#found = undefined;
    this.#at = -1;
    this.#progress.hidden = true;
    this.view.query = query;
    this.view.hit = undefined;
    this.view.refresh();
    this.#tellHits();
  }

  #choose(event: MouseEvent): void {
    const number = event.target instanceof Element ? event.target.closest(".n") : null;
    const line = Number(number?.parentElement?.dataset["line"] ?? Number.NaN);
    if (Number.isNaN(line)) return;
    const [from, to] = this.view.chosen ?? [line, line];
    if (event.shiftKey) this.view.chosen = [Math.min(from, line), Math.max(to, line)];
    else this.view.chosen = from === line && to === line && this.view.chosen ? undefined : [line, line];
    this.view.refresh();
    this.tell();
  }

  async #copyChosen(): Promise<void> {
    const [from, to] = this.view.chosen ?? [0, -1];
    const lines: string[] = [];
    for (let at = from; at <= Math.min(to, from + MOST_COPIED_LINES); at++) lines.push(plainText(this.log.line(this.log.index.locate(at))?.text ?? ""));
    const done = await copyText(`${lines.join("\n")}\n`);
    toast(done ? { text: word("log_copied", { count: lines.length }), kind: "good" } : { text: word("copy_failed"), kind: "warn" });
  }
}
