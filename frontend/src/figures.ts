/** How figures read: sizes, rates, durations; the same forms as the server writes. Pure. */
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Write bytes with a binary unit: 0 B, 1.5 KiB, 12 GiB. */
export function size(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${Math.round(count)} B`;
  return value < 1000 ? `${Number(value.toPrecision(3))} ${UNITS[unit]}` : `${grouped(Math.round(value))} ${UNITS[unit]}`;
}

/** Write a whole number in groups of three, as both languages do. `Intl` would take 20 ms at its first use, while a reader waits for the first lines of a log. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** Write a duration with its two largest units, by `Intl`'s words. */
export function duration(seconds: number, lang: string): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "day"],
    [Math.floor((whole % 86_400) / 3_600), "hour"],
    [Math.floor((whole % 3_600) / 60), "minute"],
    [whole % 60, "second"],
  ];
  const first = Math.max(0, parts.findIndex(([count]) => count > 0));
  const shown = whole === 0 ? parts.slice(3) : parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "short" }).format(count)).join(" ");
}
