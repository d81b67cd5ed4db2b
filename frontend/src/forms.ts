/** Plain forms: no second submit while the first is on its way, and `data-autosubmit` filters that go off when a choice changes. */

/** Let forms guard themselves. */
export function startForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || form.method === "dialog" || form.target) return;
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    else form.setAttribute("aria-busy", "true");
  });
  // A page that comes back from the browser's memory must not come back busy.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll('form[aria-busy="true"]')) form.removeAttribute("aria-busy");
  });
  document.addEventListener("change", (event) => {
    const field = event.target instanceof HTMLElement ? event.target : null;
    const form = field?.closest<HTMLFormElement>("form[data-autosubmit]");
    if (form && field?.matches("select, input[type=checkbox], input[type=radio], input[type=date], input[type=month]")) form.requestSubmit();
  });
}
