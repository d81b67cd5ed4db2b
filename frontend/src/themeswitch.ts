/** The theme switch: `[data-theme-set="auto|light|dark"]` chooses, `[data-theme-cycle]` goes on to the next. */
import { announce, whenever } from "./dom";
import { word } from "./words";

const ORDER = ["auto", "light", "dark"] as const;
type Theme = (typeof ORDER)[number];

/** Let the switches of the page work. */
export function startThemeSwitch(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-theme-set], [data-theme-cycle]") : null;
    if (!button) return;
    const given = button.dataset["themeSet"] as Theme | undefined;
    choose(given ?? ORDER[(ORDER.indexOf(current()) + 1) % ORDER.length] ?? "auto");
  });
  whenever(show);
}

function current(): Theme {
  return (document.documentElement.dataset["themeChosen"] as Theme | undefined) ?? "auto";
}

function choose(theme: Theme): void {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    return; // without storage the system's theme stays
  }
  dispatchEvent(new Event("theme"));
  show();
  announce(word(`theme_${theme}`));
}

function show(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-theme-set]")) {
    button.setAttribute("aria-pressed", String(button.dataset["themeSet"] === current()));
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-theme-cycle]")) {
    button.setAttribute("aria-label", word(`theme_${current()}`));
    button.title = word(`theme_${current()}`);
  }
}
