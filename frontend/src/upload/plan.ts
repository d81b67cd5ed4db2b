/** What an upload consists of, and how it is parted into what travels together. Pure. */
export const SMALL_BYTES = 1024 * 1024;
export const BUNDLE_BYTES = 64 * 1024 * 1024;
export const BUNDLE_FILES = 5_000;

export type State = "waiting" | "checking" | "checked" | "sending" | "done" | "failed";

export interface Item {
  path: string;
  file: File;
  state: State;
  /** Bytes checked or sent, by state. */
  at: number;
  digest: string | undefined;
  reason: string | undefined;
}

/** Something that one upload carries: a large file, or many small ones. */
export type Load = Item[];

/** Gathers what is to be sent into loads. */
export class Loads {
  #small: Item[] = [];
  #bytes = 0;

  /** Take an item; returns the load that is full by it, if one is. */
  take(item: Item): Load | undefined {
    if (item.file.size >= SMALL_BYTES) return [item];
    const full = this.#bytes + item.file.size > BUNDLE_BYTES || this.#small.length >= BUNDLE_FILES ? this.rest() : undefined;
    this.#small.push(item);
    this.#bytes += item.file.size;
    return full;
  }

  /** Return what is left, if anything. */
  rest(): Load | undefined {
    const load = this.#small;
    this.#small = [];
    this.#bytes = 0;
    return load.length ? load : undefined;
  }
}

export interface Totals {
  files: number;
  bytes: number;
  doneFiles: number;
  doneBytes: number;
  checkedBytes: number;
  failed: number;
  /** Whether everything is sent, and the centre is still checking and keeping some of it. */
  keeping: boolean;
}

/** Add up how far an upload is. */
export function totals(items: Item[]): Totals {
  const sum: Totals = { files: items.length, bytes: 0, doneFiles: 0, doneBytes: 0, checkedBytes: 0, failed: 0, keeping: false };
  let busy = false;
  for (const { file, state, at } of items) {
    sum.bytes += file.size;
    if (state === "done") sum.doneFiles += 1;
    if (state === "failed") sum.failed += 1;
    if (state === "done") sum.doneBytes += file.size;
    if (state === "sending") sum.doneBytes += Math.min(at, file.size);
    if (state === "sending" && at >= file.size) sum.keeping = true;
    else if (state !== "done" && state !== "failed") busy = true;
    if (state === "checking") sum.checkedBytes += at;
    else if (state !== "waiting") sum.checkedBytes += file.size;
  }
  sum.keeping &&= !busy;
  return sum;
}

/** Waiting in line: what is put in is taken out once; after the end those who wait get nothing. */
export class Line<T> {
  #items: T[] = [];
  #waiting: ((item: T | undefined) => void)[] = [];
  #ended = false;

  put(item: T): void {
    const first = this.#waiting.shift();
    if (first) first(item);
    else this.#items.push(item);
  }

  take(): Promise<T | undefined> {
    const item = this.#items.shift();
    if (item !== undefined || this.#ended) return Promise.resolve(item);
    return new Promise((done) => this.#waiting.push(done));
  }

  end(): void {
    this.#ended = true;
    for (const done of this.#waiting.splice(0)) done(undefined);
  }
}
