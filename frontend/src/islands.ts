/** Islands: parts of a page that are programs. `<div data-island="logview" …>` is brought to life by the module of that name, loaded only then. */
import { found, whenever } from "./dom";
import { toast } from "./toasts";
import { word } from "./words";

export interface Island {
  /** Bring one element to life; returns what ends it. */
  start(element: HTMLElement): (() => void) | void;
}

const MODULES: Record<string, () => Promise<Island>> = {
  chart: () => import("./charts"),
  geotiff: () => import("./geotiff"),
  jobform: () => import("./jobform"),
  logview: () => import("./logview"),
  parquet: () => import("./parquet"),
  upload: () => import("./upload"),
};

const ends = new WeakMap<Element, () => void>();
const begun = new WeakSet<Element>();

/** Start the islands of the page and those that htmx brings; end those it takes away. */
export function startIslands(): void {
  whenever((root) => {
    for (const element of found(root, "[data-island]")) void begin(element);
  });
  document.addEventListener("htmx:beforeCleanupElement", (event) => {
    if (event.target instanceof Element) ends.get(event.target)?.();
  });
}

async function begin(element: HTMLElement): Promise<void> {
  const load = MODULES[element.dataset["island"] ?? ""];
  if (!load || begun.has(element)) return;
  begun.add(element);
  try {
    const end = (await load()).start(element);
    if (end) ends.set(element, end);
    element.dataset["ready"] = "";
  } catch (error) {
    console.error(error);
    toast({ text: word("island_failed"), kind: "warn" }); // an old page after an update asks for modules that are gone
  }
}
