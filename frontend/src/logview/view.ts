/** Draws the lines of a log that are in the window, and nothing else. */
import { make } from "../dom";
import { grouped } from "../figures";
import { markHits, parseAnsi } from "./ansi";
import type { Chunks } from "./chunks";
import type { Place } from "./lineindex";
import { ScrollMap } from "./scroll";

const LINE_PX = 20;
const SETTLE_MS = 180;
const SHORT_LINES = 25;

interface Anchor extends Place {
  share: number;
  known: boolean;
}

interface Row {
  element: HTMLElement;
  number: HTMLElement;
  text: HTMLElement;
  key: string;
}

/** The window onto a log. */
export class LogView {
  readonly scroller = make("div", { class: "logview-scroll", tabindex: 0, role: "region" });
  readonly #pane = make("div", { class: "logview-pane" });
  readonly #rows = make("div", { class: "logview-rows" });
  readonly #space = make("div");
  readonly #map = new ScrollMap();
  readonly #watch = new ResizeObserver(() => this.refresh());
  #pool: Row[] = [];
  #frame = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #anchor: Anchor | undefined;
  follow: boolean;
  wrap = false;
  query = "";
  hit: number | undefined;
  chosen: [number, number] | undefined;

  constructor(
    private readonly log: Chunks,
    follow: boolean,
    private readonly moved: () => void,
  ) {
    this.follow = follow;
    this.#pane.append(this.#rows);
    this.scroller.append(this.#pane, this.#space);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#watch.observe(this.scroller);
  }

  /** The line at the top of the window. */
  get topLine(): number {
    return Math.floor(this.#map.top / LINE_PX);
  }

  /** What is known has changed, or how it is shown: keep the reader's place, and draw. */
  refresh(): void {
    this.#shorten();
    this.#map.window = this.scroller.clientHeight;
    this.#map.text = Math.max(this.log.index.total * LINE_PX, this.#map.window);
    this.#pane.style.height = `${this.#map.window}px`;
    this.#space.style.height = `${this.#map.height - this.#map.window}px`;
    const bar = this.#map.go(this.follow ? this.#map.last : this.#anchor ? this.#placeOf(this.#anchor) : this.#map.top);
    if (Math.abs(this.scroller.scrollTop - bar) >= 1) this.scroller.scrollTop = bar;
    this.#draw();
  }

  /** Show a line in the middle of the window. */
  show(line: number): void {
    this.follow = false;
    this.#goTo(line * LINE_PX - this.#map.window / 2);
  }

  /** Go to the first line. */
  toStart(): void {
    this.follow = false;
    this.#goTo(0);
  }

  /** Go to the last line. */
  toEnd(): void {
    this.#goTo(Infinity);
  }

  /** Stop watching. */
  end(): void {
    this.#watch.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#rest);
  }

  /** A log of a few lines that will not grow needs no tall window. */
  #shorten(): void {
    const { index, complete } = this.log;
    const short = complete && index.exact(index.chunks) && index.total > 0 && index.total < SHORT_LINES && !this.wrap;
    this.scroller.style.blockSize = short ? `${Math.max(4, index.total + 1) * LINE_PX}px` : "";
  }

  #goTo(top: number): void {
    this.scroller.scrollTop = this.#map.go(top);
    this.#draw();
    this.moved();
  }

  #scrolled(): void {
    const bar = this.scroller.scrollTop;
    const before = this.#map.top;
    this.#map.scrolled(bar);
    if (this.#map.top !== before) {
      this.follow = this.#map.atEnd && (this.follow || this.#map.top > before);
      this.moved();
    }
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => (this.scroller.scrollTop = this.#map.settle()), SETTLE_MS);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #placeOf({ chunk, line, share, known }: Anchor): number {
    const { index } = this.log;
    // A chunk that was guessed at and is counted now: the same share of it, as its lines had no meaning yet.
    const within = known || !index.knows(chunk) ? line + (share % 1) : share * index.within(chunk);
    return (index.before(chunk) + within) * LINE_PX;
  }

  #remember(): void {
    const { index } = this.log;
    const place = index.locate(this.topLine);
    const known = index.knows(place.chunk);
    const part = (this.#map.top % LINE_PX) / LINE_PX;
    this.#anchor = { ...place, known, share: known ? part : (place.line + part) / Math.max(1, index.within(place.chunk)) };
  }

  #draw(): void {
    this.#frame = 0;
    this.#remember();
    const { index } = this.log;
    const count = Math.min(Math.ceil(this.#map.window / LINE_PX) + 1, index.total);
    const first = Math.max(0, Math.min(this.topLine, index.total - count));
    this.#fit(count, first);
    const wanted = new Set<number>();
    this.#pool.forEach((row, at) => this.#fill(row, first + at, wanted));
    this.log.want([...wanted]);
    this.#place(first);
  }

  /** Let rows that left at one side come in at the other, so that only lines that are new are drawn anew. */
  #fit(count: number, first: number): void {
    while (this.#pool.length > count) this.#pool.pop()?.element.remove();
    const was = Number(this.#pool[0]?.element.dataset["line"] ?? first);
    const by = Math.max(-this.#pool.length, Math.min(first - was, this.#pool.length));
    for (let step = 0; step < by; step++) {
      const row = this.#pool.shift() as Row;
      this.#pool.push(row);
      this.#rows.append(row.element);
    }
    for (let step = 0; step > by; step--) {
      const row = this.#pool.pop() as Row;
      this.#pool.unshift(row);
      this.#rows.prepend(row.element);
    }
    while (this.#pool.length < count) {
      const row = makeRow();
      this.#pool.push(row);
      this.#rows.append(row.element);
    }
  }

  #fill(row: Row, at: number, wanted: Set<number>): void {
    const { index } = this.log;
    const place = index.locate(at);
    const line = this.log.line(place);
    if (!line?.whole) wanted.add(place.chunk);
    if (place.line === 0 && place.chunk > 0 && !line?.whole) wanted.add(place.chunk - 1);
    const exact = index.exact(place.chunk);
    const chosen = this.chosen !== undefined && at >= this.chosen[0] && at <= this.chosen[1];
    const key = `${at}|${exact}|${line ? (line.whole ? "whole" : line.text.length) : "none"}|${this.query}|${this.hit === at}|${chosen}`;
    if (row.key === key) return;
    row.key = key;
    row.element.dataset["line"] = String(at);
    row.element.classList.toggle("hit", this.hit === at);
    row.element.classList.toggle("chosen", chosen);
    row.number.textContent = `${exact ? "" : "~"}${grouped(at + 1)}`;
    fillText(row.text, line?.text ?? "", this.query);
    row.element.classList.toggle("missing", !line);
  }

  #place(first: number): void {
    if (!this.wrap) {
      this.#rows.style.transform = `translateY(${first * LINE_PX - this.#map.top}px)`;
      return;
    }
    // Lines of different heights: the window begins within the first by the same share, and ends with the log's end.
    const share = (this.#map.top - first * LINE_PX) / LINE_PX;
    const tall = this.#rows.scrollHeight;
    const up = this.#map.atEnd ? Math.max(0, tall - this.#map.window) : share * (this.#pool[0]?.element.offsetHeight ?? 0);
    this.#rows.style.transform = `translateY(${-up}px)`;
  }
}

function makeRow(): Row {
  const number = make("span", { class: "n", "aria-hidden": true });
  const text = make("span", { class: "t" });
  return { element: make("div", { class: "log-row" }, number, text), number, text, key: "" };
}

function fillText(into: HTMLElement, text: string, query: string): void {
  const spans = markHits(parseAnsi(text), query);
  if (spans.every(({ style }) => !style)) {
    into.textContent = spans.map((span) => span.text).join("");
    return;
  }
  into.replaceChildren(...spans.map((span) => (span.style ? make("span", { class: span.style }, span.text) : span.text)));
}
