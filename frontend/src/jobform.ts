/** The form of a job and the same job as YAML: `<form data-island="jobform" data-preview="…">`. Each side follows the other; the server says how.
 *
 * `data-preview` answers what was typed with `{problems, yaml, fields}`. What is being typed in is never written over. An element that asks for
 * the cost listens to `refresh`.
 */
const PAUSE_MS = 300;

interface Preview {
  problems: string[];
  yaml?: string;
  fields?: Record<string, string[]>;
}

/** Keep both sides of the form together; returns what ends it. */
export function start(element: HTMLElement): () => void {
  const form = element as HTMLFormElement;
  const text = form.elements.namedItem("yaml") as HTMLTextAreaElement;
  const faults = form.querySelector<HTMLElement>("[data-faults]");
  let pause: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | undefined;

  const ask = async (from: "form" | "yaml"): Promise<void> => {
    asking?.abort();
    const mine = (asking = new AbortController());
    const body = new FormData(form);
    body.set("from", from);
    try {
      const answer = await fetch(form.dataset["preview"] ?? "", { method: "POST", body, signal: mine.signal, headers: { "X-CSRF-Token": token() } });
      if (!answer.ok) return;
      const preview = (await answer.json()) as Preview;
      if (mine.signal.aborted) return;
      show(preview, from);
    } catch {
      // The next key asks again.
    }
  };

  const show = (preview: Preview, from: "form" | "yaml"): void => {
    tell(faults, preview.problems);
    if (from === "form" && preview.yaml !== undefined) text.value = preview.yaml;
    if (from === "yaml" && preview.fields) fill(form, preview.fields);
    for (const cost of form.querySelectorAll("[hx-post]")) cost.dispatchEvent(new Event("refresh"));
  };

  const typed = (event: Event): void => {
    const field = event.target as HTMLElement;
    const row = field.closest<HTMLElement>("[data-row]");
    if (row) spare(row);
    clearTimeout(pause);
    pause = setTimeout(() => void ask(field === text ? "yaml" : "form"), PAUSE_MS);
  };
  form.addEventListener("input", typed);
  if (!text.value.trim() && (form.elements.namedItem("name") as HTMLInputElement).value) void ask("form");
  return () => {
    clearTimeout(pause);
    asking?.abort();
    form.removeEventListener("input", typed);
  };
}

function token(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

function tell(place: HTMLElement | null, problems: string[]): void {
  if (!place) return;
  place.hidden = problems.length === 0;
  place.replaceChildren(...problems.map((problem) => Object.assign(document.createElement("div"), { textContent: problem })));
}

/** Keep one empty row below the last that says something. */
function spare(row: HTMLElement): void {
  const rows = row.closest<HTMLElement>("[data-rows]");
  const last = rows?.querySelector<HTMLElement>("[data-row]:last-of-type");
  if (!rows || !last || ![...last.querySelectorAll("input")].some(({ value }) => value)) return;
  rows.append(emptied(last));
}

function emptied(row: HTMLElement): HTMLElement {
  const copy = row.cloneNode(true) as HTMLElement;
  for (const input of copy.querySelectorAll("input")) input.value = "";
  return copy;
}

/** Put values into the fields of their names; what somebody stands in stays as it is. */
export function fill(form: HTMLFormElement, fields: Record<string, string[]>): void {
  for (const [name, values] of Object.entries(fields)) {
    const rows = form.querySelector(`[data-row] [name="${CSS.escape(name)}"]`)?.closest<HTMLElement>("[data-rows]");
    if (rows) lengthen(rows, values.length + 1);
    const inputs = [...form.querySelectorAll<HTMLInputElement>(`[name="${CSS.escape(name)}"]`)];
    inputs.forEach((input, at) => put(input, rows ? (values[at] ?? "") : (values[0] ?? ""), values));
  }
}

function lengthen(rows: HTMLElement, wanted: number): void {
  const there = [...rows.querySelectorAll<HTMLElement>("[data-row]")];
  const first = there[0];
  for (let number = there.length; first && number < wanted; number++) rows.append(emptied(first));
  for (const extra of there.slice(Math.max(wanted, 1))) extra.remove();
}

function put(input: HTMLInputElement, value: string, values: string[]): void {
  if (input.type === "checkbox" || input.type === "radio") input.checked = values.includes(input.value);
  else if (input !== document.activeElement && input.value !== value) input.value = value;
}
