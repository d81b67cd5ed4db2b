/** The log viewer: `<div data-island="logview" data-src="…" data-follow="true">`. Reads ranges of bytes, draws the lines in the window, follows the end.
 *
 * `data-src?offset=N&limit=M` answers bytes with `X-Log-Size` and `X-Log-Complete`. `data-download` is a link, `data-size` and `data-complete` spare the
 * first question. A `live` event with `{size, complete}` tells of growth; without such events the end is looked at every two seconds.
 */
import "./portal";
import { Chunks, CHUNK_BYTES } from "./logview/chunks";
import { LogTools } from "./logview/tools";
import { LogView } from "./logview/view";
import { word } from "./words";

const LOOK_MS = 2_000;
const LOOK_TOLD_MS = 15_000;

/** Bring a log viewer to life; returns what ends it. */
export function start(element: HTMLElement): () => void {
  const { src = "", follow, size, complete, download } = element.dataset;
  const log: Chunks = new Chunks(src, () => changed());
  const view = new LogView(log, follow === "true", () => tools.tell());
  const tools = new LogTools(log, view, download);
  const follower = new Follower(log, view);
  function changed(): void {
    element.classList.toggle("is-empty", log.known && log.index.size === 0);
    view.refresh();
    tools.tell();
  }

  view.scroller.setAttribute("aria-label", element.getAttribute("aria-label") ?? word("log_label"));
  element.classList.add("logview");
  element.replaceChildren(tools.bar, view.scroller);
  if (size) log.grown(Number(size), complete === "true");
  else void log.look();
  element.addEventListener("live", (event) => follower.told((event as CustomEvent<{ size?: number; complete?: boolean }>).detail));
  follower.begin();
  return () => {
    follower.end();
    view.end();
    tools.end();
    log.end();
  };
}

/** Keeps up with a log that grows. */
class Follower {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking = false;
  #told = false;

  constructor(
    private readonly log: Chunks,
    private readonly view: LogView,
  ) {}

  begin(): void {
    this.#timer = setTimeout(() => void this.#poll(), this.#told ? LOOK_TOLD_MS : LOOK_MS);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  /** The stream says how long the log is. */
  told({ size, complete }: { size?: number; complete?: boolean } = {}): void {
    this.#told = true;
    const { log, view } = this;
    if (size === undefined) void this.#look();
    else if (!view.follow || size - log.index.size > 2 * CHUNK_BYTES) log.grown(size, complete);
    else if (size > log.index.size || complete) void this.#look();
  }

  async #poll(): Promise<void> {
    if (!document.hidden && !this.log.complete) await this.#look();
    if (!this.log.complete) this.begin();
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { log, view } = this;
    await (view.follow ? log.look() : log.measure()).finally(() => (this.#looking = false));
  }
}
