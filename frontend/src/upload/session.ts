/** One upload from the chosen files to the version: checks, asks what is missing, sends, commits; may be paused, and goes on after a reload. */
import { pauseAfter } from "../backoff";
import { connectionBack, connectionLost } from "../connection";
import { commit, missing, Refused, repository, type Entry, type Version } from "./api";
import type { Handle } from "./collect";
import { Digests, Unreadable } from "./digests";
import { drop, fingerprint, recall, remember, type Remembered } from "./memory";
import { Line, Loads, totals, type Item, type Load } from "./plan";
import { Rate } from "./rate";
import { tarOf } from "./tar";
import { forget, send } from "./tus";

const SENDERS = 3;
const ASK_AT_ONCE = 500;
const NAMES_AT_ONCE = 8_000;
const REMEMBER_MS = 2_000;
const COMMITS = 3;
const NO_DIGEST = "0".repeat(64);
const ENDS_ALL = new Set([401, 402, 403, 404, 413, 507]);

export interface Target {
  key: string;
  kind: string;
  repoId: string | undefined;
  name: string;
  licence: string;
  description: string;
  note: string;
}
export type Progress = "running" | "paused" | "committing" | "done" | "failed" | "cancelled";
class Cancelled extends Error {}

export class Session {
  progress: Progress = "running";
  problem = "";
  version: Version | undefined;
  readonly rate = new Rate();
  readonly #digests = new Digests();
  #loads = new Line<Load>();
  #stop = new AbortController();
  #resumed: (() => void) | undefined;
  #pausing: Promise<void> | undefined;
  #memory: Remembered;
  #written = 0;

  constructor(
    readonly target: Target,
    readonly items: Item[],
    private readonly words: { changed: string },
    private readonly tell: () => void,
    handles: Handle[] = [],
  ) {
    const { key, name, licence, description, note } = target;
    this.#memory = { key, files: items.length, bytes: 0, doneBytes: 0, at: Date.now(), fields: { name, licence, description, note }, handles, digests: {}, locations: {} };
  }

  /** Do it all. Never throws: how it ended stands in `progress` and `problem`. */
  async run(): Promise<void> {
    try {
      const { kind, name, licence, description } = this.target;
      const repoId = this.target.repoId ?? (await this.#persist(() => repository(kind, name, licence, description))).id;
      await this.#checkNames(repoId);
      await this.#recall();
      for (let left = COMMITS; left > 0 && !this.version; left--) await this.#sendAndCommit(repoId, left === 1);
    } catch (error) {
      if (error instanceof Cancelled) this.progress = "cancelled";
      else this.#fail(error);
    } finally {
      this.#digests.end();
      this.tell();
    }
  }

  pause(): void {
    if (this.progress !== "running") return;
    this.progress = "paused";
    this.#pausing = new Promise((resolve) => (this.#resumed = resolve));
    this.#stop.abort();
    void this.#remember(true);
    this.tell();
  }

  resume(): void {
    if (this.progress !== "paused") return;
    this.progress = "running";
    this.#stop = new AbortController();
    this.rate.restart();
    this.#pausing = undefined;
    this.#resumed?.();
    this.tell();
  }

  /** Give up; what the server holds of it is let go. */
  async cancel(): Promise<void> {
    this.progress = "cancelled";
    this.#resumed?.();
    this.#stop.abort();
    await this.forget();
    this.tell();
  }

  /** Let go what the server and the browser keep of an upload that will not go on. */
  async forget(): Promise<void> {
    await Promise.all(Object.values(this.#memory.locations).map(forget));
    await drop(this.target.key);
  }

  async #gate(): Promise<AbortSignal> {
    if (this.progress === "cancelled" || this.progress === "failed") throw new Cancelled();
    if (this.#pausing) await this.#pausing;
    if ((this.progress as Progress) === "cancelled") throw new Cancelled();
    return this.#stop.signal;
  }

  /** Let the server refuse names before anything is read: a version of contents that nobody has is refused for its names first. */
  async #checkNames(repoId: string): Promise<void> {
    for (let at = 0; at < this.items.length; at += NAMES_AT_ONCE) {
      const files = this.items.slice(at, at + NAMES_AT_ONCE).map(({ path, file }) => ({ path, size_bytes: file.size, sha256: NO_DIGEST }));
      try {
        await this.#persist(() => commit(repoId, files, ""));
      } catch (error) {
        if (!(error instanceof Refused) || error.code !== "missing_blobs") throw error;
      }
    }
  }

  async #recall(): Promise<void> {
    const known = await recall(this.target.key);
    if (!known) return;
    for (const item of this.items) item.digest = known.digests[fingerprint(item.path, item.file)];
    this.#memory.digests = known.digests;
    this.#memory.locations = Object.fromEntries(Object.entries(known.locations).filter(([name]) => !name.startsWith("bundle:")));
    // A bundle was made of what was left then; what is left now is bundled anew.
    for (const [name, location] of Object.entries(known.locations)) if (name.startsWith("bundle:")) void forget(location);
  }

  async #sendAndCommit(repoId: string, last: boolean): Promise<void> {
    this.#loads = new Line();
    const senders = Array.from({ length: SENDERS }, (_, at) => this.#sender(at));
    await Promise.all([this.#check(), ...senders]);
    const failed = this.items.filter(({ state }) => state === "failed");
    if (failed.length) throw new Error(failed[0]?.reason);
    this.progress = "committing";
    this.tell();
    const files: Entry[] = this.items.map(({ path, file, digest }) => ({ path, size_bytes: file.size, sha256: digest ?? NO_DIGEST }));
    try {
      this.version = await this.#persist(() => commit(repoId, files, this.target.note));
      this.progress = "done";
      await drop(this.target.key);
    } catch (error) {
      // What was there when we asked may have been collected since.
      if (last || !(error instanceof Refused) || error.code !== "missing_blobs") throw error;
      this.progress = "running";
      for (const item of this.items) item.state = "waiting";
    }
  }

  /** Compute digests, ask in between which contents are missing, and put those in line. */
  async #check(): Promise<void> {
    const loads = new Loads();
    const seen = new Map<string, Item>();
    const todo = this.items[Symbol.iterator]();
    let checked: Item[] = [];
    const settle = async (some: Item[]): Promise<void> => {
      const fresh = some.filter((item) => item.digest && !seen.has(item.digest) && seen.set(item.digest, item));
      const lacking = await this.#missing(fresh.map(({ digest }) => digest as string));
      for (const item of some) {
        const first = item.digest ? seen.get(item.digest) : undefined;
        if (item !== first || !lacking.has(item.digest as string)) this.#done(item); // the same content travels once
        else {
          const load = loads.take(item);
          if (load) this.#loads.put(load);
        }
      }
    };
    const worker = async (number: number): Promise<void> => {
      for (const item of todo) {
        await this.#gate();
        if (!(await this.#digest(item, number))) continue;
        checked.push(item);
        if (checked.length >= ASK_AT_ONCE || item.file.size > 16 * 1024 * 1024) await settle(checked.splice(0));
      }
    };
    try {
      await Promise.all(Array.from({ length: this.#digests.width }, (_, number) => worker(number)));
      await settle(checked.splice(0));
      const rest = loads.rest();
      if (rest) this.#loads.put(rest);
    } finally {
      checked = [];
      this.#loads.end();
    }
  }

  async #missing(digests: string[]): Promise<Set<string>> {
    return digests.length ? this.#persist(() => missing(digests)) : new Set();
  }

  /** Ask again for as long as the centre is away. Everything asked here may be asked twice. */
  async #persist<T>(act: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      await this.#gate();
      try {
        const answer = await act();
        connectionBack("upload");
        return answer;
      } catch (error) {
        if (!(error instanceof Refused) || !error.passing || error.status === 409) throw error;
        connectionLost("upload");
        await new Promise((resolve) => setTimeout(resolve, pauseAfter(failures, Math.random())));
      }
    }
  }

  async #digest(item: Item, worker: number): Promise<boolean> {
    item.state = "checking";
    try {
      item.digest ??= await this.#digests.digest(item.file, worker, (bytes) => {
        item.at = bytes;
        this.tell();
      });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#failed(item, this.words.changed);
      return false;
    }
    item.state = "checked";
    this.#memory.digests[fingerprint(item.path, item.file)] = item.digest;
    void this.#remember();
    return true;
  }

  async #sender(number: number): Promise<void> {
    for (let load = await this.#loads.take(); load; load = await this.#loads.take()) await this.#sendLoad(load, number);
  }

  async #sendLoad(load: Load, number: number): Promise<void> {
    const [first] = load as [Item];
    const bundle = load.length > 1 || first.file.size === 0;
    const content = bundle ? tarOf(load.map(({ digest, file }) => ({ name: digest as string, size: file.size, content: file }))) : first.file;
    const name = bundle ? `bundle:${number}` : (first.digest as string);
    const about: Record<string, string> = bundle
      ? { filename: "bundle.tar", kind: "archive" }
      : { filename: first.path.slice(first.path.lastIndexOf("/") + 1), kind: "blob", sha256: first.digest as string };
    let before: number | undefined;
    const announced = (location: string): void => {
      this.#memory.locations[name] = location;
      void this.#remember(true);
    };
    const tell = (offset: number): void => {
      if (before !== undefined) this.rate.add(Math.max(0, offset - before), performance.now()); // the first tells only where it stands
      before = offset;
      for (const item of load) item.at = (item.file.size * offset) / Math.max(1, content.size);
      this.tell();
    };
    for (const item of load) Object.assign(item, { state: "sending", at: 0 });
    try {
      const made = await send({ content, about, location: this.#memory.locations[name], announced, tell, gate: () => this.#gate() });
      const changed = new Set(bundle ? made.filter(({ path, sha256 }) => path !== sha256).map(({ path }) => path) : []);
      for (const item of load) changed.has(item.digest as string) ? this.#failed(item, this.words.changed) : this.#done(item);
    } catch (error) {
      if (error instanceof Cancelled || (error instanceof Refused && ENDS_ALL.has(error.status))) throw error;
      if (!(error instanceof Refused) && !(error instanceof Unreadable)) throw error;
      for (const item of load) this.#failed(item, error instanceof Refused ? error.message : this.words.changed);
    }
    delete this.#memory.locations[name];
    void this.#remember();
  }

  #done(item: Item): void {
    item.state = item.digest ? "done" : item.state;
    this.tell();
  }

  #failed(item: Item, reason: string): void {
    Object.assign(item, { state: "failed", reason, digest: undefined });
    this.tell();
  }

  #fail(error: unknown): void {
    this.progress = "failed";
    this.problem = error instanceof Error ? error.message : String(error);
    this.#stop.abort();
    void this.#remember(true);
  }

  async #remember(now = false): Promise<void> {
    if (!now && Date.now() - this.#written < REMEMBER_MS) return;
    this.#written = Date.now();
    const { bytes, doneBytes } = totals(this.items);
    await remember(Object.assign(this.#memory, { bytes, doneBytes, at: Date.now() }));
  }
}

