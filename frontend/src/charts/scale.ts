/** How the axes and figures of a chart read. Pure. */
import { size } from "../figures";

const DAY_S = 86_400;

/** Write a value with its unit: bytes as sizes, money in yuan, the rest short. */
export function figure(value: number | null | undefined, unit: string, lang: string): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "—";
  if (unit === "B") return size(value);
  if (unit === "¥") return `¥${new Intl.NumberFormat(lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value)}`;
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 4;
  const said = new Intl.NumberFormat(lang, Math.abs(value) >= 1e5 ? { notation: "compact", maximumFractionDigits: 2 } : { maximumFractionDigits: digits }).format(value);
  return unit ? `${said}${unit === "%" ? "" : " "}${unit}` : said;
}

/** Name the ticks of a time axis: times within days, dates where a day begins or the span is long. */
export function timeTicks(ticks: number[], spanS: number, zone?: string): string[] {
  const time = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(zone ? { timeZone: zone } : {}) });
  const seconds = new Intl.DateTimeFormat("sv-SE", { minute: "2-digit", second: "2-digit", ...(zone ? { timeZone: zone } : {}) });
  const date = new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit", ...(zone ? { timeZone: zone } : {}) });
  return ticks.map((tick) => {
    const moment = new Date(tick * 1000);
    if (spanS > 300 * DAY_S) return date.format(moment).slice(0, 7);
    if (spanS > 4 * DAY_S || time.format(moment) === "00:00") return date.format(moment).slice(5);
    return spanS < 300 ? seconds.format(moment) : time.format(moment);
  });
}

/** Stack series upon each other, first at the bottom; a gap counts as nothing. */
export function stacked(series: (number | null)[][]): number[][] {
  const sums: number[][] = [];
  for (const one of series) sums.push(one.map((value, at) => (value ?? 0) + (sums.at(-1)?.[at] ?? 0)));
  return sums;
}

/** Sum a series up for those who do not see it: least, greatest, latest. */
export function extremes(values: (number | null)[]): { least: number; most: number; latest: number } | undefined {
  const known = values.filter((value): value is number => value !== null && !Number.isNaN(value));
  if (!known.length) return undefined;
  let [least, most] = [Infinity, -Infinity];
  for (const value of known) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return { least, most, latest: known.at(-1) as number };
}
