/** Reads the colours of terminals out of one line of a log. Pure. Everything that is not text or colour is dropped or made visible. */
export interface Span {
  text: string;
  /** Names of style classes, divided by spaces; empty for plain text. */
  style: string;
}

interface Pen {
  fore: number | undefined;
  back: number | undefined;
  flags: Set<string>;
}

// CSI sequences, OSC and other strings up to their end, character sets, and any other two-character escape.
const ESCAPE = /\x1b\[([0-9:;<=>?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b\[[0-9:;<=>?]*[ -/]*$|\x1b[ -/]*[0-~]?|\x9b([0-9;]*)([@-~])/g;
// Marks that turn the direction of writing could make a line read as what it is not.
const TURNING = /[\u202a-\u202e\u2066-\u2069\u200e\u200f]/g;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const ON: Record<number, string> = { 1: "a-bold", 2: "a-dim", 3: "a-italic", 4: "a-under", 7: "a-inverse", 9: "a-strike" };
const OFF: Record<number, string[]> = { 22: ["a-bold", "a-dim"], 23: ["a-italic"], 24: ["a-under"], 27: ["a-inverse"], 29: ["a-strike"] };

/** Return the spans of a line as a terminal would leave it: what a carriage return wrote over is gone. */
export function parseAnsi(line: string): Span[] {
  const shown = afterReturns(line);
  if (!/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(shown)) return shown ? [{ text: shown, style: "" }] : [];
  const pen: Pen = { fore: undefined, back: undefined, flags: new Set() };
  const spans: Span[] = [];
  let from = 0;
  for (const found of shown.matchAll(ESCAPE)) {
    add(spans, shown.slice(from, found.index), pen);
    from = found.index + found[0].length;
    if (found[2] === "m") turn(pen, found[1] ?? "");
    else if (found[4] === "m") turn(pen, found[3] ?? "");
  }
  add(spans, shown.slice(from), pen);
  return spans;
}

/** Return the text alone. */
export function plainText(line: string): string {
  return parseAnsi(line)
    .map(({ text }) => text)
    .join("");
}

function afterReturns(line: string): string {
  const end = line.endsWith("\r") ? line.length - 1 : line.length;
  const last = line.lastIndexOf("\r", end - 1);
  return line.slice(last + 1, end);
}

function add(spans: Span[], raw: string, pen: Pen): void {
  const text = raw.replace(TURNING, "\ufffd").replace(CONTROL, (char) => String.fromCharCode(char < "\x20" ? 0x2400 + char.charCodeAt(0) : 0x2421));
  if (!text) return;
  const style = styleOf(pen);
  const last = spans.at(-1);
  if (last?.style === style) last.text += text;
  else spans.push({ text, style });
}

function styleOf({ fore, back, flags }: Pen): string {
  const names = [...flags];
  if (fore !== undefined) names.push(`a-f${fore}`);
  if (back !== undefined) names.push(`a-b${back}`);
  return names.join(" ");
}

function turn(pen: Pen, codes: string): void {
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at] ?? 0;
    if (code === 38 || code === 48) at = wide(pen, numbers, at);
    else simple(pen, code);
  }
}

function simple(pen: Pen, code: number): void {
  if (code === 0) Object.assign(pen, { fore: undefined, back: undefined, flags: new Set() });
  else if (ON[code]) pen.flags.add(ON[code]);
  else if (OFF[code]) OFF[code].forEach((name) => pen.flags.delete(name));
  else if (code === 39) pen.fore = undefined;
  else if (code === 49) pen.back = undefined;
  else if (code >= 30 && code <= 37) pen.fore = code - 30;
  else if (code >= 90 && code <= 97) pen.fore = code - 82;
  else if (code >= 40 && code <= 47) pen.back = code - 40;
  else if (code >= 100 && code <= 107) pen.back = code - 92;
}

/** Read `38;5;n` and `38;2;r;g;b`; returns where the code ends. */
function wide(pen: Pen, numbers: number[], at: number): number {
  const place = numbers[at] === 38 ? "fore" : "back";
  if (numbers[at + 1] === 5) {
    pen[place] = nearest(numbers[at + 2] ?? 0);
    return at + 2;
  }
  if (numbers[at + 1] !== 2) return at + 1;
  pen[place] = nearestOf(numbers[at + 2] ?? 0, numbers[at + 3] ?? 0, numbers[at + 4] ?? 0);
  return at + 4;
}

/** Bring one of 256 colours to one of the sixteen that the themes know, because only those can be read on light and on dark ground. */
export function nearest(colour: number): number {
  if (colour < 16) return Math.max(0, colour);
  if (colour >= 232) return nearestOf(...grey(8 + (colour - 232) * 10));
  const cube = colour - 16;
  const part = (value: number): number => (value === 0 ? 0 : 55 + value * 40);
  return nearestOf(part(Math.floor(cube / 36)), part(Math.floor(cube / 6) % 6), part(cube % 6));
}

function grey(level: number): [number, number, number] {
  return [level, level, level];
}

function nearestOf(red: number, green: number, blue: number): number {
  const high = Math.max(red, green, blue);
  const low = Math.min(red, green, blue);
  if (high - low < 40) return high < 64 ? 0 : high < 140 ? 8 : high < 215 ? 7 : 15;
  const middle = (high + low) / 2;
  const hue = (red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0);
  return hue + (high > 200 ? 8 : 0);
}

/** Cut spans where a search word begins and ends; what matches carries `a-hit`. */
export function markHits(spans: Span[], query: string): Span[] {
  const whole = spans.map(({ text }) => text).join("").toLowerCase();
  const wanted = query.toLowerCase();
  const edges: [number, number][] = [];
  for (let at = wanted ? whole.indexOf(wanted) : -1; at >= 0; at = whole.indexOf(wanted, at + wanted.length)) edges.push([at, at + wanted.length]);
  if (!edges.length) return spans;
  const marked: Span[] = [];
  let from = 0;
  for (const { text, style } of spans) {
    const end = from + text.length;
    let at = from;
    for (const [start, stop] of edges) {
      if (stop <= at || start >= end) continue;
      if (start > at) marked.push({ text: text.slice(at - from, start - from), style });
      const upTo = Math.min(stop, end);
      marked.push({ text: text.slice(Math.max(start, at) - from, upTo - from), style: `${style} a-hit`.trim() });
      at = upTo;
    }
    if (at < end) marked.push({ text: text.slice(at - from), style });
    from = end;
  }
  return marked;
}
