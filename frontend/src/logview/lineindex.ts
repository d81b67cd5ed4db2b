/** Where lines are in a log of which only parts were read. Pure.
 *
 * The log is cut into chunks of equal size. A line belongs to the chunk in which it ends. How many lines a chunk ends is known once it was read, and
 * estimated before, so that any place can be gone to at once.
 */
const TYPICAL_LINE_BYTES = 96;
const SAMPLES = 3;

export interface Place {
  chunk: number;
  /** Which of the lines that end in the chunk. */
  line: number;
}

/** Counts lines by chunk. */
export class LineIndex {
  #counts: number[] = [];
  #sums: number[] = [0];
  #dirty = true;
  #samples = 0;
  #perByte = 1 / TYPICAL_LINE_BYTES;
  /** Bytes of the log. */
  size = 0;
  /** Whether the log's last line has no end, so that it counts as one more. */
  #open = false;

  constructor(readonly chunkBytes: number) {}

  /** How many chunks there are. */
  get chunks(): number {
    return Math.ceil(this.size / this.chunkBytes);
  }

  /** All lines, exactly if everything was read. */
  get total(): number {
    this.#sum();
    return (this.#sums[this.chunks] ?? 0) + (this.#open ? 1 : 0);
  }

  /** Take a new size; a log that grew may have more in its last chunk than was read. */
  resize(size: number): void {
    if (size === this.size) return;
    const last = this.chunks - 1;
    const whole = this.size % this.chunkBytes === 0;
    this.size = size;
    if (last >= 0 && !whole) delete this.#counts[last];
    this.#open = false;
    this.#dirty = true;
  }

  /** Set what was read of a chunk: line ends in it, and for the last one whether text follows the last of them. */
  set(chunk: number, ends: number, open: boolean): void {
    if (chunk === this.chunks - 1 && open !== this.#open) {
      this.#open = open;
      this.#dirty = true;
    }
    if (this.#counts[chunk] === ends) return;
    this.#counts[chunk] = ends;
    this.#dirty = true;
    if (this.#samples < SAMPLES) {
      this.#samples += 1;
      const share = (ends + 1) / this.#bytesOf(chunk);
      this.#perByte = this.#samples === 1 ? share : (this.#perByte * (this.#samples - 1) + share) / this.#samples;
    }
  }

  /** Whether a chunk was counted. */
  knows(chunk: number): boolean {
    return this.#counts[chunk] !== undefined;
  }

  /** Whether the number of a line in a chunk is certain. */
  exact(chunk: number): boolean {
    this.#sum();
    return chunk <= this.#certain;
  }
  #certain = 0;

  /** How many lines end before a chunk. */
  before(chunk: number): number {
    this.#sum();
    return this.#sums[Math.max(0, Math.min(chunk, this.chunks))] ?? 0;
  }

  /** How many lines end in a chunk. */
  within(chunk: number): number {
    return this.before(chunk + 1) - this.before(chunk);
  }

  /** Find the chunk in which a line ends, counting from 0; the line without an end is the last chunk's. */
  locate(line: number): Place {
    this.#sum();
    let low = 0;
    let high = Math.max(0, this.chunks - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#sums[middle] ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    return { chunk: low, line: line - (this.#sums[low] ?? 0) };
  }

  #bytesOf(chunk: number): number {
    return Math.max(1, Math.min(this.chunkBytes, this.size - chunk * this.chunkBytes));
  }

  #sum(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#sums = [0];
    this.#certain = this.chunks;
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      const known = this.#counts[chunk];
      if (known === undefined && chunk < this.#certain) this.#certain = chunk;
      const ends = known ?? Math.max(1, Math.round(this.#bytesOf(chunk) * this.#perByte));
      this.#sums.push((this.#sums[chunk] ?? 0) + ends);
    }
  }
}

/** Find the ends of lines: the positions of all line feeds. */
export function lineEnds(bytes: Uint8Array): Uint32Array {
  const ends: number[] = [];
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) ends.push(at);
  return Uint32Array.from(ends);
}
