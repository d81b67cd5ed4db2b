/** Runs before the first paint, as a blocking script: sets the theme that the reader chose, so that no page flashes in the wrong one. */
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function chosen(): string {
  try {
    return localStorage.getItem("theme") ?? "auto";
  } catch {
    return "auto"; // storage may be forbidden
  }
}

function apply(): void {
  const choice = chosen();
  root.dataset["bsTheme"] = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
  root.dataset["themeChosen"] = choice;
}

root.dataset["js"] = "";
apply();
dark.addEventListener("change", apply);
addEventListener("storage", apply);
addEventListener("theme", apply);
