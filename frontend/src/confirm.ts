/** Asks before what cannot be undone: `data-confirm="sentence"` on a form, a button or a link, with and without htmx. */
import { make } from "./dom";
import { word } from "./words";

interface HtmxConfirm {
  elt: Element;
  triggeringEvent?: Event;
  issueRequest: (skip: boolean) => void;
}

const agreed = new WeakSet<Element>();

/** Let `data-confirm` ask. */
export function startConfirm(): void {
  document.addEventListener("submit", onSubmit, { capture: true });
  document.addEventListener("click", onClick, { capture: true });
  document.addEventListener("htmx:confirm", (event) => {
    const { elt, triggeringEvent, issueRequest } = (event as CustomEvent<HtmxConfirm>).detail;
    if (!(elt instanceof HTMLElement) || !elt.dataset["confirm"] || triggeringEvent?.type === "submit") return; // a submit was asked about already
    event.preventDefault();
    void ask(elt).then((yes) => void (yes && issueRequest(true)));
  });
}

/** Ask in a dialog; true when the person agrees. `data-confirm-type` holds a word that must be typed first. */
export async function ask(from: HTMLElement): Promise<boolean> {
  const { confirm = "", confirmTitle, confirmYes, confirmType, confirmDanger } = from.dataset;
  const yes = make("button", { class: `btn ${confirmDanger === undefined ? "btn-primary" : "btn-danger"}`, value: "yes", disabled: Boolean(confirmType) });
  yes.append(confirmYes ?? word("confirm_yes"));
  const no = make("button", { class: "btn", value: "no", autofocus: !confirmType }, word("cancel"));
  const form = make("form", { method: "dialog" });
  form.append(make("h2", { id: "ask-title" }, confirmTitle ?? word("confirm_title")), make("p", { id: "ask-text", class: "user-text" }, confirm));
  if (confirmType) form.append(typed(confirmType, yes));
  form.append(make("div", { class: "dialog-buttons" }, no, yes));
  const dialog = make("dialog", { class: "ask", role: "alertdialog", "aria-labelledby": "ask-title", "aria-describedby": "ask-text" }, form);
  document.body.append(dialog);
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  dialog.remove();
  return dialog.returnValue === "yes";
}

function typed(wanted: string, yes: HTMLButtonElement): HTMLElement {
  const field = make("input", { class: "form-control mb-3", autocomplete: "off", autofocus: true });
  field.addEventListener("input", () => void (yes.disabled = field.value.trim() !== wanted));
  return make("label", { class: "form-label" }, word("confirm_type", { wanted }), field);
}

function onSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  const submitter = event.submitter;
  const asks = submitter?.dataset["confirm"] ? submitter : form;
  if (!asks.dataset["confirm"]) return;
  if (agreed.delete(asks)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  void ask(asks).then((yes) => {
    if (!yes) return;
    agreed.add(asks);
    form.requestSubmit(submitter);
  });
}

function onClick(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-confirm]") : null;
  if (!link || [...link.attributes].some(({ name }) => name.startsWith("hx-") || name.startsWith("data-hx-"))) return; // htmx asks by its own event
  event.preventDefault();
  event.stopImmediatePropagation();
  void ask(link).then((yes) => void (yes && location.assign(link.href)));
}
