/** Charts: `<div data-island="chart" data-src="…">`, or `data-json` with the data itself, or in a `<template data-chart>` inside. Lines, areas, stacks, bars.
 *
 * The data: `{"x": [seconds or numbers], "time": true, "unit": "%", "kind": "line|area|stack|bars", "series": [{"name": "…", "y": […]}], "max": 100, "zero": true}`.
 * A `live` event reads `data-src` again, and so does time where `data-every` says how many seconds. `data-label` names the chart; `data-height` is in pixels.
 */
import "./portal";
import uPlot from "uplot";
import { extremes, figure, stacked, timeTicks } from "./charts/scale";
import { make } from "./dom";
import { sayTime } from "./timeformat";
import { language, word } from "./words";

interface ChartData {
  x: number[];
  time?: boolean;
  unit?: string;
  kind?: "line" | "area" | "stack" | "bars";
  max?: number;
  /** Whether nothing is where the axis begins; else it begins near the least value. */
  zero?: boolean;
  series: { name: string; y: (number | null)[] }[];
}

const MOST_ROWS = 500;
const COLOURS = 6;

/** Bring a chart to life; returns what ends it. */
export function start(element: HTMLElement): () => void {
  const chart = new Chart(element);
  void chart.load();
  return () => chart.end();
}

class Chart {
  readonly #frame = make("div", { class: "chart-frame", role: "img" });
  readonly #legend = make("ul", { class: "chart-legend" });
  readonly #table = make("details", { class: "chart-table" }, make("summary", {}, word("chart_table")));
  readonly #watch = new ResizeObserver(() => this.#fit());
  readonly #redraw = (): void => this.#draw();
  readonly #reload = (): void => void this.load();
  #timer: ReturnType<typeof setInterval> | undefined;
  #plot: uPlot | undefined;
  #data: ChartData | undefined;

  constructor(private readonly element: HTMLElement) {
    element.classList.add("chart");
    this.#watch.observe(element);
    addEventListener("theme", this.#redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#redraw);
    element.addEventListener("live", this.#reload);
    const every = Number(element.dataset["every"] ?? 0);
    if (every > 0) this.#timer = setInterval(() => document.hidden || void this.load(), every * 1000);
    this.#table.addEventListener("toggle", () => this.#fillTable());
  }

  /** Read the data and draw. */
  async load(): Promise<void> {
    const { src, json } = this.element.dataset;
    try {
      if (src) {
        const answer = await fetch(src, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        this.#data = (await answer.json()) as ChartData;
      } else this.#data = JSON.parse(json ?? this.element.querySelector("template[data-chart]")?.innerHTML ?? "{}") as ChartData;
    } catch (error) {
      console.error(error);
      if (!this.#data) this.element.replaceChildren(make("p", { class: "muted chart-none" }, word("chart_failed")));
      return;
    }
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#watch.disconnect();
    removeEventListener("theme", this.#redraw);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#redraw);
    this.element.removeEventListener("live", this.#reload);
    this.#plot?.destroy();
  }

  #draw(): void {
    const data = this.#data;
    if (!data) return;
    this.#plot?.destroy();
    this.#plot = undefined;
    if (!data.x?.length || !data.series?.length) {
      this.element.replaceChildren(make("p", { class: "muted chart-none" }, word("chart_empty")));
      return;
    }
    if (this.#frame.parentElement !== this.element) this.element.replaceChildren(this.#frame, this.#legend, this.#table);
    const drawn = data.kind === "stack" ? stacked(data.series.map(({ y }) => y)) : data.series.map(({ y }) => y);
    // A stack is painted from its top down, so that each area covers what lies above its own share.
    const order = drawn.map((_, at) => (data.kind === "stack" ? drawn.length - 1 - at : at));
    this.#plot = new uPlot(this.#options(data, order), [data.x, ...order.map((at) => drawn[at] as number[])], this.#frame);
    this.#frame.setAttribute("aria-label", this.#summary(data));
    this.#showLegend(data, null);
    this.#fillTable();
  }

  #options(data: ChartData, order: number[]): uPlot.Options {
    const [text, grid] = [this.#colour("--tblr-secondary"), this.#colour("--tblr-border-color")];
    const font = `12px ${getComputedStyle(this.element).fontFamily}`;
    const axis: uPlot.Axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const unit = data.unit ?? "";
    const span = (data.x.at(-1) ?? 0) - (data.x[0] ?? 0);
    return {
      width: this.#width(),
      height: this.#height(),
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false } },
      scales: { x: { time: data.time ?? true }, y: { range: (_u, least, most) => range(least, most, data.max, data.zero ?? true) } },
      axes: [
        { ...axis, size: 30, ...(data.time === false ? {} : { values: (_u: uPlot, ticks: number[]) => timeTicks(ticks, span) }) },
        { ...axis, size: 64, values: (_u, ticks) => ticks.map((tick) => figure(tick, unit, language())) },
      ],
      series: [{}, ...order.map((at) => this.#series(data, at))],
      hooks: { setCursor: [(plot) => this.#showLegend(data, plot.cursor.idx ?? null)] },
    };
  }

  #series(data: ChartData, at: number): uPlot.Series {
    const colour = this.#colour(`--series-${(at % COLOURS) + 1}`);
    const filled = data.kind === "area" || data.kind === "stack" || data.kind === "bars";
    const faint = data.kind === "area" ? "28" : "b0";
    return {
      label: data.series[at]?.name ?? "",
      stroke: colour,
      width: data.kind === "bars" ? 0 : 1.75,
      points: { show: data.x.length < 2 },
      ...(filled ? { fill: withAlpha(colour, data.kind === "bars" ? "e0" : faint) } : {}),
      ...(data.kind === "bars" && uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.7, 48], radius: 0.15 }) } : {}),
    };
  }

  /** Name the series, with their values where the pointer is, else their latest. */
  #showLegend(data: ChartData, at: number | null): void {
    const lang = language();
    const index = at ?? data.x.length - 1;
    const items = data.series.map(({ name, y }, place) => {
      const swatch = make("span", { class: `swatch s${(place % COLOURS) + 1}` });
      return make("li", {}, swatch, make("span", { class: "user-text" }, name), make("b", { class: "num" }, figure(y[index], data.unit ?? "", lang)));
    });
    const x = data.x[index] ?? 0;
    const where = data.time === false ? figure(x, "", lang) : sayTime(new Date(x * 1000), "datetime", { lang, zone: undefined }, new Date());
    this.#legend.replaceChildren(...items, make("li", { class: "muted num" }, where));
  }

  #summary(data: ChartData): string {
    const lang = language();
    const told = data.series.map(({ name, y }) => {
      const found = extremes(y);
      const say = (value: number): string => figure(value, data.unit ?? "", lang);
      return found ? word("chart_summary", { name, least: say(found.least), most: say(found.most), latest: say(found.latest) }) : name;
    });
    return [this.element.dataset["label"], ...told].filter(Boolean).join(". ");
  }

  #fillTable(): void {
    const data = this.#data;
    this.#table.querySelector("div")?.remove();
    if (!this.#table.open || !data) return;
    const lang = language();
    const body = make("tbody");
    const step = Math.ceil(data.x.length / MOST_ROWS);
    for (let at = 0; at < data.x.length; at += step) {
      const x = data.x[at] ?? 0;
      const where = data.time === false ? figure(x, "", lang) : sayTime(new Date(x * 1000), "datetime", { lang, zone: undefined }, new Date());
      body.append(make("tr", {}, make("th", { scope: "row" }, where), ...data.series.map(({ y }) => make("td", { class: "num" }, figure(y[at], data.unit ?? "", lang)))));
    }
    const head = make("tr", {}, make("th", { scope: "col" }, word(data.time === false ? "chart_at" : "chart_time")), ...data.series.map(({ name }) => make("th", { scope: "col", class: "num" }, name)));
    this.#table.append(make("div", { class: "table-scroll", tabindex: 0 }, make("table", { class: "table" }, make("thead", {}, head), body)));
  }

  #fit(): void {
    const width = this.#width();
    if (this.#plot && width > 0 && Math.abs(width - this.#plot.width) > 1) this.#plot.setSize({ width, height: this.#height() });
  }

  #width(): number {
    return Math.max(160, this.#frame.clientWidth || this.element.clientWidth);
  }

  #height(): number {
    return Number(this.element.dataset["height"] ?? 220);
  }

  /** The tokens hold one colour for light and one for dark; only a computed colour says which it is. */
  #colour(token: string): string {
    const probe = make("span", { hidden: true });
    probe.style.color = `var(${token})`;
    this.element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }
}

function range(least: number, most: number, top: number | undefined, zero: boolean): [number, number] {
  if (!zero && most > least) return [least - (most - least) * 0.06, most + (most - least) * 0.06];
  const high = Math.max(top ?? 0, most ?? 1);
  const low = Math.min(0, least ?? 0);
  return [low, high === low ? low + 1 : top !== undefined && high <= top ? top : high + (high - low) * 0.06];
}

function withAlpha(colour: string, alpha: string): string {
  const parts = colour.match(/^rgb\((\d+), (\d+), (\d+)\)$/);
  return parts ? `#${parts.slice(1).map((part) => Number(part).toString(16).padStart(2, "0")).join("")}${alpha}` : colour;
}
