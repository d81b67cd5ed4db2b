/** Searches a log from its first byte to its last, a stretch at a time, so that the page stays quick and the log need not fit in memory. */
import type { Chunks } from "./chunks";

const STRETCH_BYTES = 4 * 256 * 1024;
export const MOST_HITS = 20_000;

export interface Found {
  /** Numbers of lines that match, counting from 0. */
  lines: number[];
  /** Bytes looked at, of all. */
  looked: number;
  size: number;
  done: boolean;
}

/** Search; calls back after each stretch with all that was found so far. */
export async function search(log: Chunks, query: string, signal: AbortSignal, tell: (found: Found) => void): Promise<void> {
  const finder = new LineFinder(query);
  const { size } = log.index;
  const decoder = new TextDecoder();
  for (let at = 0; at < size && !signal.aborted; ) {
    const bytes = await log.stretch(at, Math.min(STRETCH_BYTES, size - at), signal);
    if (!bytes.length || signal.aborted) break;
    at += bytes.length;
    finder.push(decoder.decode(bytes, { stream: at < size }));
    if (at >= size) finder.finish();
    tell({ lines: finder.lines, looked: at, size, done: at >= size });
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Finds the lines that hold a word in text that comes in pieces; pure. */
export class LineFinder {
  readonly lines: number[] = [];
  #rest = "";
  #before = 0;
  readonly #query: string;

  constructor(query: string) {
    this.#query = query.toLowerCase();
  }

  /** Take the next piece. */
  push(text: string): void {
    const all = this.#rest + text;
    const end = all.lastIndexOf("\n") + 1;
    this.#take(all.slice(0, end));
    this.#rest = all.slice(end);
    if (this.#rest.length > 1_000_000) this.#rest = this.#rest.slice(-1_000); // a line without end is looked at in parts
  }

  /** Look at the last line too, which may have no end. */
  finish(): void {
    if (this.#rest && this.#rest.toLowerCase().includes(this.#query)) this.#add(this.#before);
    this.#rest = "";
  }

  #take(whole: string): void {
    const low = whole.toLowerCase();
    let line = this.#before;
    let counted = 0;
    for (let at = low.indexOf(this.#query); at >= 0; ) {
      line += feeds(low, counted, at);
      this.#add(line);
      const end = low.indexOf("\n", at) + 1;
      line += 1;
      counted = end;
      at = end > 0 ? low.indexOf(this.#query, end) : -1;
    }
    this.#before = line + feeds(low, counted, low.length);
  }

  #add(line: number): void {
    if (this.lines.length < MOST_HITS && this.lines.at(-1) !== line) this.lines.push(line);
  }
}

function feeds(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
