/** Buttons that copy: `data-copy="text"`, or `data-copy-from="#selector"` for the text of an element. */
import { announce, icon } from "./dom";
import { toast } from "./toasts";
import { word } from "./words";

const SHOWN_MS = 1600;

/** Let copy buttons work. */
export function startCopy(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-copy], [data-copy-from]") : null;
    if (button) void copyFrom(button);
  });
}

/** Put text on the clipboard; false where the browser does not let us. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // the clipboard's own interface is missing on plain http
  }
}

async function copyFrom(button: HTMLElement): Promise<void> {
  const source = button.dataset["copyFrom"];
  const element = source ? document.querySelector<HTMLElement>(source) : null;
  const text = element ? (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement ? element.value : element.innerText) : button.dataset["copy"];
  if (text === undefined || !(await copyText(text))) {
    toast({ text: word("copy_failed"), kind: "warn" });
    return;
  }
  announce(word("copied"));
  const shown = button.querySelector("svg.icon");
  if (!shown || button.dataset["copying"]) return;
  const done = icon("check");
  button.dataset["copying"] = "1";
  shown.replaceWith(done);
  setTimeout(() => {
    done.replaceWith(shown);
    delete button.dataset["copying"];
  }, SHOWN_MS);
}

function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
