/** The menu of narrow screens (`[data-menu-toggle]` opens what `aria-controls` names), and `<details class="dropdown">` that close as menus do. */

/** Let menus open and close by hand and by keyboard. */
export function startMenus(): void {
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const toggle = target?.closest<HTMLElement>("[data-menu-toggle]");
    if (toggle) set(toggle, toggle.getAttribute("aria-expanded") !== "true");
    for (const open of document.querySelectorAll<HTMLDetailsElement>("details.dropdown[open]")) {
      if (!target || !open.contains(target)) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    closeOnEscape();
  });
}

function set(toggle: HTMLElement, open: boolean): void {
  const menu = document.getElementById(toggle.getAttribute("aria-controls") ?? "");
  toggle.setAttribute("aria-expanded", String(open));
  menu?.classList.toggle("show", open);
  if (open) menu?.querySelector<HTMLElement>("a, button")?.focus();
}

function closeOnEscape(): void {
  const inside = document.activeElement?.closest<HTMLDetailsElement>("details.dropdown[open]");
  if (inside) {
    inside.open = false;
    inside.querySelector<HTMLElement>("summary")?.focus();
    return;
  }
  const toggle = document.querySelector<HTMLElement>('[data-menu-toggle][aria-expanded="true"]');
  if (!toggle) return;
  set(toggle, false);
  toggle.focus();
}
