/** What one sees of an upload: where to drop files, how far it is, and what may be done. */
import { icon, make } from "../dom";
import { duration, size } from "../figures";
import { language, word, type Word } from "../words";
import { totals, type Item } from "./plan";
import type { Progress, Session } from "./session";

const ROWS = 60;
const COUNT = new Intl.NumberFormat(language());

export interface Acts {
  chosen: (files: FileList) => void;
  dropped: (items: DataTransferItemList) => void;
  start: () => void;
  pause: () => void;
  cancel: () => void;
  again: () => void;
  forget: () => void;
}

export class Panel {
  readonly #drop = make("div", { class: "upload-drop" });
  readonly #notice = make("div", { class: "upload-notice" });
  readonly #bar = make("progress", { max: 1, value: 0, "aria-label": word("upload_progress") });
  readonly #line = make("div", { class: "upload-line num" });
  readonly #list = make("ul", { class: "upload-list" });
  readonly #buttons = make("div", { class: "btn-list" });
  readonly #run = make("div", { class: "upload-run", hidden: true }, this.#bar, this.#line, this.#buttons, this.#list);
  #shown = "";

  constructor(
    element: HTMLElement,
    private readonly acts: Acts,
  ) {
    element.classList.add("upload");
    element.replaceChildren(this.#notice, this.#drop, this.#run);
    this.#makeDrop();
  }

  /** Say something above all: what was broken off, what went wrong. */
  notice(text: string, kind: "info" | "bad" | "good" = "info", ...more: Node[]): void {
    const name = { info: "info-circle", bad: "alert-circle", good: "circle-check" }[kind];
    const body = make("div", {}, make("span", { class: "user-text" }, text));
    for (const node of more) body.append(" ", node);
    this.#notice.replaceChildren(...(text ? [make("div", { class: `note note-${kind}`, role: kind === "bad" ? "alert" : "status" }, icon(name), body)] : []));
  }

  /** Show what was chosen, before it starts. */
  choose(items: Item[]): void {
    this.#run.hidden = false;
    this.#bar.hidden = true;
    this.#line.textContent = word("upload_chosen", { files: COUNT.format(items.length), size: size(totals(items).bytes) });
    this.#list.replaceChildren(...items.slice(0, 8).map((item) => row(item)), ...this.#rest(items.length - 8));
    this.#offer([["upload_start", "upload", this.acts.start, "btn-primary"]]);
  }

  /** Show how a session stands. */
  show(session: Session): void {
    const sum = totals(session.items);
    const over = ["done", "cancelled"].includes(session.progress);
    this.#drop.hidden = !over && session.progress !== "failed";
    this.#run.hidden = session.progress === "cancelled";
    this.#bar.hidden = over;
    if (sum.bytes > 0) this.#bar.value = sum.doneBytes / sum.bytes;
    this.#line.textContent = sentence(session, sum);
    this.#rows(session);
    if (this.#shown === session.progress) return;
    this.#shown = session.progress;
    this.#offer(this.#buttonsOf(session.progress));
  }

  #buttonsOf(progress: Progress): [Word, string, () => void, string][] {
    const { pause, cancel, again } = this.acts;
    if (progress === "running") return [["upload_pause", "player-pause", pause, ""], ["upload_cancel", "x", cancel, ""]];
    if (progress === "paused") return [["upload_go_on", "player-play", pause, "btn-primary"], ["upload_cancel", "x", cancel, ""]];
    if (progress === "failed") return [["upload_again", "refresh", again, "btn-primary"], ["upload_cancel", "x", cancel, ""]];
    return [];
  }

  #offer(buttons: [Word, string, () => void, string][]): void {
    this.#buttons.replaceChildren(
      ...buttons.map(([label, symbol, act, style]) => {
        const button = make("button", { type: "button", class: `btn ${style}`.trim() }, icon(symbol), word(label));
        button.addEventListener("click", act);
        return button;
      }),
    );
  }

  #rows({ items }: Session): void {
    const lively = items.filter(({ state, file }) => state === "failed" || state === "sending" || (state === "checking" && file.size > 4 * 1024 * 1024));
    lively.sort((a, b) => Number(b.state === "failed") - Number(a.state === "failed") || b.file.size - a.file.size);
    this.#list.replaceChildren(...lively.slice(0, ROWS).map((item) => row(item)), ...this.#rest(lively.length - ROWS));
  }

  #rest(count: number): Node[] {
    return count > 0 ? [make("li", { class: "muted" }, word("upload_more", { count: COUNT.format(count) }))] : [];
  }

  #makeDrop(): void {
    const pick = (label: Word, symbol: string, folder: boolean): HTMLElement => {
      const field = make("input", { type: "file", multiple: true, webkitdirectory: folder, class: "visually-hidden" });
      field.addEventListener("change", () => {
        if (field.files?.length) this.acts.chosen(field.files);
        field.value = "";
      });
      return make("label", { class: "btn" }, field, icon(symbol), word(label));
    };
    this.#drop.append(icon("upload", "icon-lg"), make("div", { class: "empty-head" }, word("upload_drop")));
    this.#drop.append(make("div", { class: "btn-list" }, pick("upload_folder", "folder", true), pick("upload_files", "file", false)));
    const over = (event: DragEvent): void => {
      event.preventDefault();
      this.#drop.classList.toggle("over", event.type === "dragover");
    };
    this.#drop.addEventListener("dragover", over);
    this.#drop.addEventListener("dragleave", over);
    this.#drop.addEventListener("drop", (event) => {
      over(event);
      if (event.dataTransfer) this.acts.dropped(event.dataTransfer.items);
    });
  }
}

function sentence(session: Session, sum: ReturnType<typeof totals>): string {
  if (session.progress === "done") return "";
  if (session.progress === "committing") return word("upload_committing");
  const told = [word("upload_status", { done: COUNT.format(sum.doneFiles), files: COUNT.format(sum.files), sent: size(sum.doneBytes), size: size(sum.bytes) })];
  if (session.progress === "paused") return [word("upload_paused"), ...told].join(" · ");
  if (sum.keeping) return [word("upload_keeping"), ...told].join(" · ");
  if (sum.doneBytes === 0 && sum.bytes > 0) return word("upload_checking", { percent: Math.floor((sum.checkedBytes / sum.bytes) * 100) });
  const now = performance.now();
  const speed = session.rate.perSecond(now);
  const left = session.rate.secondsLeft(sum.bytes - sum.doneBytes, now);
  if (speed) told.push(word("upload_rate", { rate: size(speed) }));
  if (left !== undefined && left < 1e6) told.push(word("upload_left", { time: duration(left, language()) }));
  return told.join(" · ");
}

function row({ path, file, state, at, reason }: Item): HTMLElement {
  const name = make("bdi", { class: "file-name" }, path);
  if (state === "failed") return make("li", { class: "failed" }, icon("alert-circle"), name, make("span", { class: "tone-bad user-text" }, reason ?? ""));
  const bar = make("progress", { max: Math.max(1, file.size), value: at, "aria-label": path, hidden: state === "waiting" || file.size < 1024 * 1024 });
  return make("li", {}, icon("file"), name, bar, make("span", { class: "muted num" }, size(file.size)));
}
