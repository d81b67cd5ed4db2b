/** The upload: `<div data-island="upload" data-kind="dataset" …>`. Files and folders of any size become a version, and nothing that the centre has travels.
 *
 * `data-repo` names the repository that gets a version; without it the fields `name`, `licence`, `description` of `data-form` make one. `note` of that
 * form goes with the version. `data-next` is where to go then, with `{repo}`, `{version}` and `{number}` filled in.
 */
import "./portal";
import { fromDrop, fromField, fromHandles, handlesOf, type Found, type Handle } from "./upload/collect";
import { drop, recall } from "./upload/memory";
import { Panel } from "./upload/panel";
import type { Item } from "./upload/plan";
import { Session, type Target } from "./upload/session";
import { forget } from "./upload/tus";
import { ask } from "./confirm";
import { make } from "./dom";
import { size } from "./figures";
import { word, type Word } from "./words";

const SHOW_MS = 200;

/** Bring an upload to life; returns what ends it. */
export function start(element: HTMLElement): () => void {
  const upload = new Upload(element);
  return () => upload.end();
}

class Upload {
  readonly #panel: Panel;
  readonly #form: HTMLFormElement | null;
  #session: Session | undefined;
  #items: Item[] = [];
  #handles: Handle[] = [];
  #showing: ReturnType<typeof setTimeout> | undefined;
  readonly #stay = (event: BeforeUnloadEvent): void => {
    if (["running", "committing"].includes(this.#session?.progress ?? "")) event.preventDefault();
  };

  constructor(private readonly element: HTMLElement) {
    this.#form = element.dataset["form"] ? document.querySelector<HTMLFormElement>(element.dataset["form"]) : element.closest("form");
    this.#panel = new Panel(element, {
      chosen: (files) => this.#take(fromField(files)),
      dropped: (items) => void Promise.all([fromDrop(items), handlesOf(items)]).then(([found, handles]) => this.#take(found, handles)),
      start: () => void this.#begin(),
      pause: () => (this.#session?.progress === "paused" ? this.#session.resume() : this.#session?.pause()),
      cancel: () => void this.#cancel(),
      again: () => void this.#begin(),
      forget: () => void this.#forget(),
    });
    addEventListener("beforeunload", this.#stay);
    void this.#tellBrokenOff();
  }

  end(): void {
    removeEventListener("beforeunload", this.#stay);
    clearTimeout(this.#showing);
    this.#session?.pause();
  }

  #take(found: Found[], handles: Handle[] = []): void {
    this.#handles = handles;
    if (!found.length) return this.#panel.notice(word("upload_none"), "bad");
    this.#panel.notice("");
    this.#items = found.map(({ path, file }) => ({ path, file, state: "waiting", at: 0, digest: undefined, reason: undefined }));
    this.#panel.choose(this.#items);
    if (this.element.dataset["repo"]) void this.#begin();
  }

  async #begin(): Promise<void> {
    if (this.#form && !this.#form.reportValidity()) return;
    for (const item of this.#items) Object.assign(item, { state: "waiting", at: 0, reason: undefined });
    this.#panel.notice("");
    const session = new Session(this.#target(), this.#items, { changed: word("upload_changed") }, () => this.#show(), this.#handles);
    this.#session = session;
    this.#panel.show(session);
    await session.run();
    this.#panel.show(session);
    this.#ended(session);
  }

  #target(): Target {
    const { kind = "dataset", repo } = this.element.dataset;
    const field = (name: string): string => (this.#form?.elements.namedItem(name) as HTMLInputElement | null)?.value.trim() ?? "";
    return { key: this.#key(), kind, repoId: repo, name: field("name"), licence: field("licence"), description: field("description"), note: field("note") };
  }

  /** What an upload is known by again: the repository, or that it makes one of its kind. */
  #key(): string {
    return `${this.element.dataset["kind"] ?? "dataset"}/${this.element.dataset["repo"] ?? "new"}`;
  }

  #ended({ progress, problem, version }: Session): void {
    if (progress === "cancelled") this.#panel.notice(word("upload_cancelled"));
    else if (progress === "failed") this.#panel.notice(problem || word("upload_failed"), "bad");
    if (progress !== "done" || !version) return;
    const filled = { repo: version.repo_id, version: version.id, number: String(version.number) };
    const next = this.element.dataset["next"]?.replace(/\{(repo|version|number)\}/g, (_, name: keyof typeof filled) => encodeURIComponent(filled[name]));
    this.#panel.notice(word("upload_done", { number: version.number }), "good", ...(next ? [make("a", { href: next }, word("upload_show"))] : []));
    this.element.dispatchEvent(new CustomEvent("uploaded", { detail: version, bubbles: true }));
    if (next) location.assign(next);
  }

  #show(): void {
    this.#showing ??= setTimeout(() => {
      this.#showing = undefined;
      if (this.#session) this.#panel.show(this.#session);
    }, SHOW_MS);
  }

  async #cancel(): Promise<void> {
    const asks = make("div", { "data-confirm": word("upload_cancel_ask"), "data-confirm-yes": word("upload_cancel"), "data-confirm-danger": true });
    if (await ask(asks)) await this.#session?.cancel();
    if (this.#session) this.#panel.show(this.#session);
  }

  async #tellBrokenOff(): Promise<void> {
    const known = await recall(this.#key());
    if (!known || this.#items.length) return;
    for (const [name, text] of Object.entries(known.fields)) {
      const field = this.#form?.elements.namedItem(name);
      if (field instanceof HTMLElement && "value" in field) field.value ||= text;
    }
    const go = this.#button("upload_go_on", () => void this.#goOn(known.handles));
    const forget = this.#button("upload_forget", () => void this.#forget());
    this.#panel.notice(word("upload_broken_off", { files: known.files, size: size(known.bytes) }), "info", ...(known.handles.length ? [go] : []), forget);
  }

  #button(label: Word, act: () => void): HTMLButtonElement {
    const button = make("button", { type: "button", class: "btn btn-sm" }, word(label));
    button.addEventListener("click", act);
    return button;
  }

  async #goOn(handles: Handle[]): Promise<void> {
    const found = await fromHandles(handles).catch(() => []);
    if (!found.length) return;
    this.#take(found, handles);
    if (!this.element.dataset["repo"]) await this.#begin();
  }

  async #forget(): Promise<void> {
    const known = await recall(this.#key());
    await Promise.all(Object.values(known?.locations ?? {}).map(forget));
    await drop(this.#key());
    this.#panel.notice("");
  }
}
