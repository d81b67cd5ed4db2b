/** A few workers that compute digests, each one file at a time. */
import type { Answer, Ask } from "./digester";

const MOST_WORKERS = 4;

export class Unreadable extends Error {}

interface Waiting {
  done: (digest: string) => void;
  failed: (reason: Error) => void;
  tell: (bytes: number) => void;
}

export class Digests {
  readonly #workers: Worker[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  /** How many files are worked on at once. */
  readonly width = Math.max(1, Math.min(MOST_WORKERS, (navigator.hardwareConcurrency || 2) - 1));

  /** Compute a digest on one of the workers, by number. */
  digest(file: File, worker: number, tell: (bytes: number) => void): Promise<string> {
    const id = this.#next++;
    return new Promise((done, failed) => {
      this.#waiting.set(id, { done, failed, tell });
      this.#worker(worker).postMessage({ id, file } satisfies Ask);
    });
  }

  /** End the workers. */
  end(): void {
    for (const worker of this.#workers) worker?.terminate();
    this.#workers.length = 0;
    for (const { failed } of this.#waiting.values()) failed(new Error("ended"));
    this.#waiting.clear();
  }

  #worker(at: number): Worker {
    let worker = this.#workers[at];
    if (!worker) {
      worker = this.#workers[at] = new Worker(new URL(DIGESTER_NAME, import.meta.url).pathname);
      worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#heard(data);
    }
    return worker;
  }

  #heard({ id, done, digest, unreadable }: Answer): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    waiting.tell(done);
    if (digest === undefined && !unreadable) return;
    this.#waiting.delete(id);
    if (digest === undefined) waiting.failed(new Unreadable());
    else waiting.done(digest);
  }
}
