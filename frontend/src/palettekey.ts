/** Opens the command palette by Ctrl-K, by `/`, or by a `[data-palette]` button; its module is loaded at the first use. */

/** Listen for the key. */
export function startPaletteKey(): void {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Control" || event.key === "Meta") void import("./palette"); // so that it is there when K follows
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey)) {
      if (!document.querySelector("[data-palette]")) return; // pages without search leave the keys to the browser
      event.preventDefault();
      void open();
    }
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-palette]")) return;
    event.preventDefault();
    void open();
  });
}

async function open(): Promise<void> {
  (await import("./palette")).openPalette();
}
