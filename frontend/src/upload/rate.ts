/** How quick a transfer is and how long it will take, from what was done in the last seconds. Pure: the time is given. */
const WINDOW_MS = 12_000;
const LEAST_MS = 1_500;

export class Rate {
  #marks: [number, number][] = [];
  #total = 0;

  /** Note that so many bytes more are through. */
  add(bytes: number, now: number): void {
    this.#total += bytes;
    const last = this.#marks.at(-1);
    if (last && now - last[0] < 100) last[1] = this.#total;
    else this.#marks.push([now, this.#total]);
    while (this.#marks.length > 2 && now - (this.#marks[1]?.[0] ?? now) > WINDOW_MS) this.#marks.shift();
  }

  /** Bytes a second; undefined while there is too little to tell by. */
  perSecond(now: number): number | undefined {
    const first = this.#marks[0];
    if (!first || now - first[0] < LEAST_MS) return undefined;
    return ((this.#total - first[1]) / (now - first[0])) * 1000;
  }

  /** Seconds that so many bytes will take. */
  secondsLeft(bytes: number, now: number): number | undefined {
    const speed = this.perSecond(now);
    return speed ? bytes / speed : undefined;
  }

  /** Forget, after a pause. */
  restart(): void {
    this.#marks = [];
  }
}
