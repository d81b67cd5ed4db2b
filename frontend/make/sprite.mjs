// Makes one sprite of the icons that icons.json names: <svg class="icon"><use href="icons.svg#home"/></svg>.
import { readFileSync } from "node:fs";

const FOLDER = new URL("../node_modules/@tabler/icons/icons/", import.meta.url);

/** Return the sprite. A name may be `alias=icon`, or end in `-filled` for the filled drawing of an icon. */
export function sprite(names) {
  const symbols = [...names].sort().map((entry) => {
    const [alias, icon = alias] = entry.split("=");
    const filled = icon.endsWith("-filled");
    const file = new URL(filled ? `filled/${icon.slice(0, -"-filled".length)}.svg` : `outline/${icon}.svg`, FOLDER);
    const drawn = readFileSync(file, "utf8").match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1];
    const paths = drawn.replace(/<path stroke="none"[^>]*fill="none"\s*\/>/, "").replace(/\s*\n\s*/g, "").trim();
    const paint = filled
      ? 'fill="currentColor"'
      : 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${alias}" viewBox="0 0 24 24" ${paint}>${paths}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`;
}
