/** The parts of a log that were read: fetches what is wanted, keeps the latest few, and gives lines out of them. */
import { LineIndex, lineEnds, type Place } from "./lineindex";
import { pauseAfter } from "../backoff";
import { connectionBack, connectionLost } from "../connection";

export const CHUNK_BYTES = 256 * 1024;
const KEPT = 96;
const AT_ONCE = 3;
export const LONGEST_LINE = 8_192;

interface Chunk {
  bytes: Uint8Array;
  ends: Uint32Array;
}

export interface Line {
  text: string;
  /** Whether all of the line is there; a line may go on in the chunk before, or still be written. */
  whole: boolean;
}

/** One log, read in parts. `changed` is called when something new is known. */
export class Chunks {
  readonly index = new LineIndex(CHUNK_BYTES);
  complete = false;
  /** Whether anything was heard from the server yet. */
  known = false;
  #kept = new Map<number, Chunk>();
  #wanted: number[] = [];
  #reading = new Map<number, AbortController>();
  #pinned = new Set<number>();
  #failures = 0;
  #ended = new AbortController();
  #decoder = new TextDecoder();

  constructor(
    private readonly address: string,
    private readonly changed: () => void,
  ) {}

  /** Read the chunks that are wanted now; what was asked for and is not wanted any more is given up. */
  want(chunks: number[]): void {
    this.#wanted = chunks.filter((chunk) => chunk >= 0 && chunk < this.index.chunks && !this.#whole(chunk));
    for (const [chunk, reading] of this.#reading) {
      if (!chunks.includes(chunk) && !this.#pinned.has(chunk)) reading.abort();
    }
    this.#next();
  }

  /** Read what is new at the end. */
  async look(): Promise<void> {
    const next = Math.floor(this.index.size / CHUNK_BYTES);
    this.#pinned.add(next);
    await this.#read(next).finally(() => this.#pinned.delete(next));
  }

  /** Ask for the size alone, for a reader who is elsewhere in the log. */
  async measure(): Promise<void> {
    try {
      const answer = await this.#fetch(this.index.size, 1, this.#ended.signal);
      await answer.arrayBuffer();
      this.grown(Number(answer.headers.get("X-Log-Size") ?? 0), answer.headers.get("X-Log-Complete") === "true");
    } catch {
      // Nothing new is known; it is asked again soon.
    }
  }

  /** Hear of a size from elsewhere. */
  grown(size: number, complete: boolean | undefined): void {
    if (complete !== undefined) this.complete = complete;
    if (size > this.index.size) this.index.resize(size);
    this.known = true;
    this.changed();
  }

  /** Give a line; undefined while its chunk was not read. */
  line({ chunk, line }: Place): Line | undefined {
    const here = this.#kept.get(chunk);
    if (!here) return undefined;
    this.#kept.delete(chunk); // put it last: the first is the first to go
    this.#kept.set(chunk, here);
    const end = here.ends[line];
    const start = line === 0 ? 0 : (here.ends[line - 1] ?? here.bytes.length - 1) + 1;
    const own = here.bytes.subarray(start, Math.min(end ?? here.bytes.length, start + LONGEST_LINE));
    const head = line === 0 && chunk > 0 ? this.#tail(chunk - 1) : new Uint8Array();
    const text = head === undefined ? `…${this.#decode(own)}` : this.#decode(joined(head, own));
    return { text: text.length >= LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)} …` : text, whole: end !== undefined && head !== undefined };
  }

  /** Read a stretch of the log for a search; what is learnt about lines is kept, the bytes are not. */
  async stretch(from: number, bytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#fetch(from, bytes, signal);
    const got = new Uint8Array(await answer.arrayBuffer());
    for (let at = 0; at < got.length; at += CHUNK_BYTES) {
      const piece = got.subarray(at, at + CHUNK_BYTES);
      const whole = piece.length === CHUNK_BYTES || from + at + piece.length === this.index.size;
      if (whole) this.index.set((from + at) / CHUNK_BYTES, lineEnds(piece).length, piece.at(-1) !== 10);
    }
    return got;
  }

  /** Stop everything. */
  end(): void {
    this.#ended.abort();
  }

  #whole(chunk: number): boolean {
    return (this.#kept.get(chunk)?.bytes.length ?? -1) >= Math.min(CHUNK_BYTES, this.index.size - chunk * CHUNK_BYTES);
  }

  #next(): void {
    while (this.#reading.size < AT_ONCE) {
      const chunk = this.#wanted.find((one) => !this.#reading.has(one));
      if (chunk === undefined) return;
      this.#wanted = this.#wanted.filter((one) => one !== chunk);
      void this.#read(chunk);
    }
  }

  async #read(chunk: number): Promise<void> {
    if (this.#reading.has(chunk)) return;
    const stop = new AbortController();
    this.#reading.set(chunk, stop);
    try {
      const have = this.#kept.get(chunk)?.bytes ?? new Uint8Array();
      const answer = await this.#fetch(chunk * CHUNK_BYTES + have.length, CHUNK_BYTES - have.length || 1, AbortSignal.any([stop.signal, this.#ended.signal]));
      const got = new Uint8Array(await answer.arrayBuffer());
      this.#take(chunk, joined(have, got).subarray(0, CHUNK_BYTES), answer.headers);
      this.#failures = 0;
      connectionBack("log");
    } catch {
      if (stop.signal.aborted || this.#ended.signal.aborted) return;
      this.#failures += 1;
      if (this.#failures > 1) connectionLost("log");
      setTimeout(() => this.changed(), pauseAfter(this.#failures, Math.random())); // whoever draws asks for it again
      return;
    } finally {
      this.#reading.delete(chunk);
    }
    this.changed();
    this.#next();
  }

  async #fetch(offset: number, limit: number, signal: AbortSignal): Promise<Response> {
    const divider = this.address.includes("?") ? "&" : "?";
    const answer = await fetch(`${this.address}${divider}offset=${offset}&limit=${limit}`, { signal, cache: "no-store", redirect: "manual" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  #take(chunk: number, bytes: Uint8Array, headers: Headers): void {
    const size = Number(headers.get("X-Log-Size") ?? chunk * CHUNK_BYTES + bytes.length);
    this.known = true;
    this.complete = headers.get("X-Log-Complete") === "true";
    const replaced = size < this.index.size; // another log took this one's place
    if (replaced) this.#kept.clear();
    this.index.resize(size);
    if (replaced) return;
    const ends = lineEnds(bytes);
    this.#kept.set(chunk, { bytes, ends });
    if (this.#whole(chunk)) this.index.set(chunk, ends.length, this.#openAfter(chunk, bytes));
    while (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value as number);
  }

  #openAfter(chunk: number, bytes: Uint8Array): boolean {
    return chunk === this.index.chunks - 1 && bytes.length > 0 && bytes.at(-1) !== 10;
  }

  /** The end of a chunk that belongs to the next one's first line; undefined while it was not read. */
  #tail(chunk: number): Uint8Array | undefined {
    const here = this.#kept.get(chunk);
    if (!here) return undefined;
    const start = (here.ends.at(-1) ?? -1) + 1;
    return here.bytes.subarray(Math.max(start, here.bytes.length - LONGEST_LINE));
  }

  #decode(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (!first.length) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
